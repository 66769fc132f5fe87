import { checkEnvironmentPush } from "./environment-check.ts";
import type { RefUpdate } from "./hook-protocol.ts";
import type { Conversation, Report } from "./hook-report.ts";
import { isZero, kindOf, MAIN } from "./names.ts";
import { checkProjectPush, type ProjectVerdict } from "./project-check.ts";
import type { Project } from "../spec/project.ts";
import type { PushedObjects, Refusal } from "./refusal.ts";
import type { Repositories } from "./repositories.ts";

export interface PreReceiveDeps {
  repositories: Repositories;
  /** Largest file that a project may carry, in bytes. */
  maxFileBytes: number;
  versionExists: (model: string, version: number) => Promise<boolean>;
  /** What a pusher should know of a spec that is taken, one line each; what fails here refuses nothing. */
  advise?: (spec: Project) => Promise<string[]>;
}

/** pre-receive: the verdict about a push whose objects aren't in the repository yet. */
export function judge(deps: PreReceiveDeps): (report: Report) => Conversation {
  return async function* ({ name, updates, objects }) {
    const { refusal, spec } =
      kindOf(name) === "environment"
        ? { refusal: await judgeEnvironment(deps, updates, objects), spec: undefined }
        : { spec: undefined, ...(await judgeProject(deps, name, updates, objects)) };
    if (!refusal) {
      const advice = spec && deps.advise ? await deps.advise(spec).catch(() => []) : [];
      for (const line of advice) yield `slipway: ${line}`;
      return 0;
    }
    yield "slipway: push refused";
    yield "";
    yield* refusal.lines;
    yield "";
    return 1;
  };
}

function judgeEnvironment(
  { repositories, versionExists }: PreReceiveDeps,
  updates: readonly RefUpdate[],
  objects: PushedObjects,
): Promise<Refusal | undefined> {
  return checkEnvironmentPush({ git: repositories.git, versionExists }, { ...objects, updates });
}

async function judgeProject(
  deps: PreReceiveDeps,
  project: string,
  updates: readonly RefUpdate[],
  objects: PushedObjects,
): Promise<ProjectVerdict> {
  const { repositories, maxFileBytes } = deps;
  const defaultBranch = await chooseDefaultBranch(repositories, project, updates);
  const check = { git: repositories.git, maxFileBytes };
  return checkProjectPush(check, { ...objects, project, defaultBranch, updates });
}

/** HEAD's branch; while that doesn't exist, `main` if it is pushed, or else the first branch that is. */
async function chooseDefaultBranch(
  repositories: Repositories,
  project: string,
  updates: readonly RefUpdate[],
): Promise<string> {
  const present = await repositories.defaultBranch(project);
  if ((await repositories.resolve(project, present)) !== null) return present;
  const branches = updates
    .filter(({ ref, commit }) => ref.startsWith("refs/heads/") && !isZero(commit))
    .map(({ ref }) => ref);
  const chosen = branches.includes(MAIN) ? MAIN : branches[0];
  if (chosen === undefined || chosen === present) return present;
  await repositories.setDefaultBranch(project, chosen);
  return chosen;
}
