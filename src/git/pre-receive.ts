import { checkEnvironmentPush } from "./environment-check.ts";
import type { RefUpdate } from "./hook-protocol.ts";
import type { Conversation, Report } from "./hook-report.ts";
import { isZero, kindOf, MAIN } from "./names.ts";
import { checkProjectPush, type ProjectVerdict, type SpecLimits } from "./project-check.ts";
import type { ProjectOwners } from "./project-owners.ts";
import type { PushMirror } from "./push-mirror.ts";
import type { ServiceOwners } from "./service-owners.ts";
import { DEFAULT_TENANT } from "../http/identity.ts";
import type { Project } from "../spec/project.ts";
import { refuse, type PushedObjects, type Refusal } from "./refusal.ts";
import type { Repositories } from "./repositories.ts";

export interface PreReceiveDeps {
  repositories: Repositories;
  /** Largest file that a project may carry, in bytes. */
  maxFileBytes: number;
  owners: Pick<ProjectOwners, "of">;
  serviceOwners: ServiceOwners;
  versionExists: (model: string, version: number) => Promise<boolean>;
  /** What of a spec this platform can't do: a push of it is refused. */
  limits?: SpecLimits | undefined;
  /** What a pusher should know of a spec that is taken, one line each; what fails here refuses nothing. */
  advise?: (spec: Project, tenant: string) => Promise<string[]>;
  /** Absent: there is no mirror. */
  mirror?: PushMirror | undefined;
}

/** pre-receive: the verdict about a push whose objects aren't in the repository yet. */
export function judge(deps: PreReceiveDeps): (report: Report) => Conversation {
  return async function* ({ name, updates, objects, push }) {
    const mayChange = push === undefined ? () => true : (tenant: string) => push.mayChange(tenant);
    const tenant = (await deps.owners.of(name)) ?? DEFAULT_TENANT;
    const verdict =
      kindOf(name) === "environment"
        ? { refusal: await judgeEnvironment(deps, updates, objects, mayChange), spec: undefined }
        : { spec: undefined, ...(await judgeProject(deps, name, updates, objects)) };
    const { spec } = verdict;
    const refusal = verdict.refusal ?? (spec && (await refuseTakenService(deps, spec, tenant)));
    if (!refusal) {
      const advice = spec && deps.advise ? await deps.advise(spec, tenant).catch(() => []) : [];
      for (const line of advice) yield `slipway: ${line}`;
      return deps.mirror ? yield* mirrored(deps.mirror, { name, updates, objects, push }) : 0;
    }
    yield "slipway: push refused";
    yield "";
    yield* refusal.lines;
    yield "";
    return 1;
  };
}

/** Into the mirror, as the last thing before the references move. */
async function* mirrored(
  mirror: PushMirror,
  { name, updates, objects, push }: Omit<Report, "signal">,
): Conversation {
  if (push === undefined) {
    yield "slipway: push refused: the platform that took it has been started anew, or it came past its address.";
    yield "Push again, to the platform's address.";
    return 1;
  }
  yield* mirror.stage(name, updates, objects);
  push.hold(await mirror.begin(name, updates, objects), updates.length);
  return 0;
}

function judgeEnvironment(
  { repositories, versionExists, serviceOwners }: PreReceiveDeps,
  updates: readonly RefUpdate[],
  objects: PushedObjects,
  mayChange: (tenant: string) => boolean,
): Promise<Refusal | undefined> {
  const deps = { git: repositories.git, versionExists, serviceOwners, mayChange };
  return checkEnvironmentPush(deps, { ...objects, updates });
}

/** The model's name is its service's, and becomes the project's tenant's with the push. */
async function refuseTakenService(
  { serviceOwners }: PreReceiveDeps,
  { model }: Project,
  tenant: string,
): Promise<Refusal | undefined> {
  if (model === undefined || (await serviceOwners.claim(model.name, tenant))) return undefined;
  return refuse(
    `slipway.yaml: model.name: the name ${model.name} is taken.`,
    "Choose another one: names of services are the whole platform's.",
  );
}

async function judgeProject(
  deps: PreReceiveDeps,
  project: string,
  updates: readonly RefUpdate[],
  objects: PushedObjects,
): Promise<ProjectVerdict> {
  const { repositories, maxFileBytes, limits } = deps;
  const defaultBranch = await chooseDefaultBranch(repositories, project, updates);
  const check = { git: repositories.git, maxFileBytes, limits };
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
