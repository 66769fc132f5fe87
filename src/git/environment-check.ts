import { DEFAULT_TENANT } from "../http/identity.ts";
import { formatProblems } from "../spec/format.ts";
import { printable } from "../spec/issue.ts";
import { readCommits } from "./commits.ts";
import type { ServiceState } from "./environment.ts";
import type { RefUpdate } from "./hook-protocol.ts";
import { isZero, MAIN, shortId } from "./names.ts";
import type { Git } from "./plumbing.ts";
import { refuse, type PushedObjects, type Refusal } from "./refusal.ts";
import type { ServiceOwners } from "./service-owners.ts";
import { MAX_SERVICE_FILE_BYTES, parseServiceFile, serviceOfPath } from "./service-file.ts";
import { listFiles, readBlobs, type TreeFile } from "./service-tree.ts";

/** Commits of one push: each is read, because each may be projected. */
const MAX_COMMITS = 200;
const MAX_FILES = 10_000;

export interface EnvironmentCheckDeps {
  git: Git;
  versionExists: (model: string, version: number) => Promise<boolean>;
  serviceOwners: ServiceOwners;
  /** Whether the pusher may change what is that tenant's. */
  mayChange: (tenant: string) => boolean;
}

/** Judges a person's push to the environment repository. */
export async function checkEnvironmentPush(
  deps: EnvironmentCheckDeps,
  pushed: PushedObjects & { updates: readonly RefUpdate[] },
): Promise<Refusal | undefined> {
  for (const { ref, commit } of pushed.updates) {
    if (ref !== MAIN) {
      return refuse(
        `the environment repository has one branch, main; ${printable(ref)} can't be pushed.`,
        "Push to main: git push origin HEAD:main",
      );
    }
    if (isZero(commit)) {
      return refuse("main says what runs; it can't be deleted.", "Remove a service by removing its file.");
    }
  }
  const [update] = pushed.updates;
  if (!update) return undefined;
  return (await refuseRewrite(deps.git, pushed, update)) ?? checkCommits(deps, pushed, update);
}

async function refuseRewrite(
  git: Git,
  { repository, env }: PushedObjects,
  { previous, commit }: RefUpdate,
): Promise<Refusal | undefined> {
  if (isZero(previous)) return undefined;
  const { exitCode } = await git.run(["merge-base", "--is-ancestor", previous, commit], {
    repository,
    env,
    answers: [1],
  });
  if (exitCode === 0) return undefined;
  return refuse(
    `a force push is refused: ${shortId(commit)} doesn't follow ${shortId(previous)}, and history says what ran when.`,
    "To go back, push a commit that says so: git revert <commit>; after `git pull --rebase` if others were faster.",
  );
}

async function checkCommits(
  deps: EnvironmentCheckDeps,
  pushed: PushedObjects,
  { previous, commit }: RefUpdate,
): Promise<Refusal | undefined> {
  const { git } = deps;
  const { repository, env } = pushed;
  const exclude = isZero(previous) ? [] : [`^${previous}`];
  const limit = `--max-count=${MAX_COMMITS + 1}`;
  const listed = await git.text(["rev-list", limit, commit, ...exclude, "--"], { repository, env });
  const commits = listed === "" ? [] : listed.split("\n");
  if (commits.length > MAX_COMMITS) {
    return refuse(`a push of more than ${MAX_COMMITS} commits is refused.`, "Push them in smaller parts.");
  }
  for (const raw of await readCommits(git, repository, commits, env)) {
    if (raw.trailers["Slipway-Intent"] === undefined) continue;
    return refuse(
      `${shortId(raw.commit)} carries a Slipway-Intent trailer, which only the platform may write.`,
      "Take the line out of its message: git commit --amend",
    );
  }
  const reader = new StateReader(git, pushed);
  const states: Map<string, ServiceState>[] = [];
  for (const id of commits) {
    const read = await reader.read(id);
    if ("lines" in read) return read;
    states.push(read.services);
  }
  const before = isZero(previous) ? undefined : await reader.read(previous);
  const known = before && "services" in before ? before.services : new Map<string, ServiceState>();
  const touched = new Set(states.flatMap((state) => changed(known, state)));
  return (
    (await refuseForeignServices(deps, touched)) ??
    (await refuseUnknownVersions(deps, states[0] ?? new Map(), known)) ??
    takeServices(deps, touched)
  );
}

/** Names of services that are another in one than in the other, or in one alone. */
function changed(
  before: ReadonlyMap<string, ServiceState>,
  after: ReadonlyMap<string, ServiceState>,
): string[] {
  const names = new Set([...before.keys(), ...after.keys()]);
  return [...names].filter((name) => JSON.stringify(before.get(name)) !== JSON.stringify(after.get(name)));
}

/** Of every commit of the push: each may be projected. */
async function refuseForeignServices(
  { serviceOwners, mayChange }: EnvironmentCheckDeps,
  touched: ReadonlySet<string>,
): Promise<Refusal | undefined> {
  for (const name of touched) {
    const owner = await serviceOwners.of(name);
    if (owner === undefined || mayChange(owner)) continue;
    return refuse(
      `services/${name}.yaml: this service belongs to a tenant that isn't yours.`,
      "Leave it as it is on main; after others were faster: git pull --rebase",
    );
  }
  return undefined;
}

/** A service that a file makes belongs to the default tenant. */
async function takeServices(
  { serviceOwners }: EnvironmentCheckDeps,
  touched: ReadonlySet<string>,
): Promise<Refusal | undefined> {
  for (const name of touched)
    if ((await serviceOwners.of(name)) === undefined && !(await serviceOwners.claim(name, DEFAULT_TENANT)))
      return refuse(`services/${name}.yaml: the name ${name} is taken.`);
  return undefined;
}

/** Reads the services of commits, each distinct file once. */
class StateReader {
  readonly #git: Git;
  readonly #pushed: PushedObjects;
  readonly #known = new Map<string, ServiceState>();

  constructor(git: Git, pushed: PushedObjects) {
    this.#git = git;
    this.#pushed = pushed;
  }

  async read(commit: string): Promise<Refusal | { services: Map<string, ServiceState> }> {
    const { repository, env } = this.#pushed;
    const files = await listFiles(this.#git, repository, commit, { env });
    const wrong = refuseForeignFiles(files, commit);
    if (wrong) return wrong;
    const services = files.filter((file) => serviceOfPath(file.path) !== undefined);
    const unread = services.filter((file) => !this.#known.has(keyOf(file)));
    const blobs = await readBlobs(
      this.#git,
      repository,
      unread.map((file) => file.object),
      env,
    );
    for (const file of unread) {
      const text = blobs.get(file.object) ?? "";
      const parsed = parseServiceFile(text, file.path);
      if (!parsed.ok) {
        const problems = formatProblems(parsed.problems, text);
        return refuse(
          problems,
          "",
          `in commit ${shortId(commit)}. Correct it, amend the commit and push again.`,
        );
      }
      this.#known.set(keyOf(file), parsed.value);
    }
    const found = new Map<string, ServiceState>();
    for (const file of services) {
      const state = this.#known.get(keyOf(file));
      if (state) found.set(state.name, state);
    }
    return { services: found };
  }
}

function keyOf(file: TreeFile): string {
  return `${file.object} ${file.path}`;
}

function refuseForeignFiles(files: readonly TreeFile[], commit: string): Refusal | undefined {
  if (files.length > MAX_FILES) return refuse(`more than ${MAX_FILES} files are refused.`);
  for (const file of files) {
    const isService = serviceOfPath(file.path) !== undefined;
    const isReadme = /^README(?:\.[a-z]+)?$/i.test(file.path);
    const where = `${printable(file.path)} in commit ${shortId(commit)}`;
    if (!isService && !isReadme) {
      return refuse(
        `${where} has no place in the environment repository.`,
        "allowed: services/<name>.yaml and a README. Remove it and push again.",
      );
    }
    if (file.type !== "blob" || file.mode === "120000") {
      return refuse(`${where} is no regular file.`, "Commit the file itself and push again.");
    }
    if (isService && file.size > MAX_SERVICE_FILE_BYTES) {
      return refuse(`${where} has ${file.size} bytes; at most ${MAX_SERVICE_FILE_BYTES} are allowed.`);
    }
  }
  return undefined;
}

/** Only what this push changes is looked at: a service that rests may name a version that is gone by now. */
async function refuseUnknownVersions(
  deps: EnvironmentCheckDeps,
  after: ReadonlyMap<string, ServiceState>,
  before: ReadonlyMap<string, ServiceState>,
): Promise<Refusal | undefined> {
  for (const [name, state] of after) {
    const old = before.get(name);
    for (const [role, version] of [
      ["champion", state.champion],
      ["challenger", state.challenger],
    ] as const) {
      const rests = version === old?.champion || version === old?.challenger;
      if (version === undefined || rests || (await deps.versionExists(name, version))) continue;
      return refuse(
        `services/${name}.yaml: ${role} is version ${version}, which the model ${name} doesn't have.`,
        `Name a registered version; \`slipway runs\` shows which pipeline run made which.`,
      );
    }
  }
  return undefined;
}
