import { readDocument } from "../spec/document.ts";
import { formatProblems } from "../spec/format.ts";
import { describeValue } from "../spec/issue.ts";
import { parseProject, type SpecProblem } from "../spec/parse.ts";
import type { Project } from "../spec/project.ts";
import type { RefUpdate } from "./hook-protocol.ts";
import { isZero, shortId } from "./names.ts";
import type { Git } from "./plumbing.ts";
import { refuseLargeFiles } from "./pushed-files.ts";
import { refuse, type PushedObjects, type Refusal } from "./refusal.ts";
import { listFiles, readBlobs } from "./service-tree.ts";

const SPEC_FILE = "slipway.yaml";
const SPEC_SOURCE = "slipway.ts";
const MAX_SPEC_BYTES = 1024 * 1024;

interface SpecChecks {
  git: Git;
  /** What of a spec this platform can't do. */
  limits?: SpecLimits | undefined;
}

export type SpecLimits = (
  spec: Project,
) => { path: string[]; message: string; given: string; allowed: string }[];

/** Verdict about a push: why it is refused, or the spec that will run; undefined when nothing of the push runs. */
export type ProjectVerdict = { refusal: Refusal } | { refusal?: undefined; spec: Project | undefined };

/** Judges a push to a project's repository: its files, and the spec at the commit that will be run. */
export async function checkProjectPush(
  deps: SpecChecks & { maxFileBytes: number },
  pushed: PushedObjects & { project: string; defaultBranch: string; updates: readonly RefUpdate[] },
): Promise<ProjectVerdict> {
  const { updates, defaultBranch } = pushed;
  const toRun = updates.find((update) => update.ref === defaultBranch);
  if (toRun && isZero(toRun.commit)) {
    const reason = `${defaultBranch} is the branch that runs; it can't be deleted.`;
    return { refusal: refuse(reason, "Push another commit to it instead.") };
  }
  const commits = updates.map((update) => update.commit).filter((commit) => !isZero(commit));
  const large = await refuseLargeFiles(deps.git, pushed, commits, deps.maxFileBytes);
  if (large) return { refusal: large };
  return toRun ? checkSpec(deps, pushed, toRun.commit) : { spec: undefined };
}

async function checkSpec(
  checks: SpecChecks,
  { repository, env, project }: PushedObjects & { project: string },
  commit: string,
): Promise<ProjectVerdict> {
  const { git } = checks;
  const options = { env, paths: [SPEC_FILE, SPEC_SOURCE, "slipway.yml"] };
  const found = await listFiles(git, repository, commit, options);
  const file = found.find(({ path }) => path === SPEC_FILE);
  if (!file) {
    const others = found.map(({ path }) => path);
    return { refusal: noSpec(commit, others) };
  }
  if (file.type !== "blob" || file.mode === "120000") {
    const reason = `${SPEC_FILE}:1:1: is no file but a link.`;
    return { refusal: refuse(reason, "Commit the file itself and push again.") };
  }
  if (file.size > MAX_SPEC_BYTES) {
    const reason = `${SPEC_FILE}:1:1: has ${file.size} bytes; at most ${MAX_SPEC_BYTES} are read.`;
    return { refusal: refuse(reason) };
  }
  const text = (await readBlobs(git, repository, [file.object], env)).get(file.object) ?? "";
  const parsed = parseProject(text, SPEC_FILE);
  const problems = parsed.ok
    ? await checkAgainstCommit(checks, { repository, env, project }, commit, parsed.value, text)
    : parsed.problems;
  if (parsed.ok && problems.length === 0) return { spec: parsed.value };
  const refusal = refuse(
    formatProblems(problems, text),
    "",
    "Correct it, commit and push again; `slipway validate` says the same without a push.",
  );
  return { refusal };
}

function noSpec(commit: string, others: readonly string[]): Refusal {
  const missing = `there is no ${SPEC_FILE} at the top of commit ${shortId(commit)}.`;
  if (others.includes(SPEC_SOURCE)) {
    return refuse(
      missing,
      `${SPEC_SOURCE} is never evaluated here: \`slipway validate ${SPEC_SOURCE} --write\` writes ${SPEC_FILE} from it; commit that.`,
    );
  }
  if (others.includes("slipway.yml"))
    return refuse(missing, `Rename slipway.yml: git mv slipway.yml ${SPEC_FILE}`);
  return refuse(missing, "`slipway init` writes one; commit it and push again.");
}

/** What only the commit and this platform can tell: whose spec it is, whether its files are there, what can't be had here. */
async function checkAgainstCommit(
  { git, limits = () => [] }: SpecChecks,
  { repository, env, project }: PushedObjects & { project: string },
  commit: string,
  spec: Project,
  text: string,
): Promise<SpecProblem[]> {
  const read = readDocument(text, SPEC_FILE);
  if (!read.ok) return read.problems;
  const problems: SpecProblem[] = [];
  const say = (path: string[], rule: string, message: string, given: string, allowed: string): void => {
    problems.push({
      file: SPEC_FILE,
      ...read.document.position(path, "value"),
      rule,
      message,
      given: describeValue(given),
      allowed,
    });
  };
  if (spec.name !== project) {
    const message = `the name isn't the repository's`;
    say(["name"], "repository-name", message, spec.name, `${project}, or push to /git/${spec.name}.git`);
  }
  for (const kind of ["python", "node"] as const) {
    const path = spec.environment[kind];
    if (path === undefined) continue;
    const files = await listFiles(git, repository, commit, { env, paths: [path] });
    if (files.some((file) => file.path === path && file.type === "blob")) continue;
    const message = `the file isn't in commit ${shortId(commit)}`;
    say(["environment", kind], "missing-file", message, path, "a path of a committed file");
  }
  for (const { path, message, given, allowed } of limits(spec)) say(path, "routing", message, given, allowed);
  return problems;
}
