import { realpath } from "node:fs/promises";
import { basename, join } from "node:path";
import { Readable } from "node:stream";
import type { FastifyInstance } from "fastify";
import { SlipwayError, toSlipwayError } from "../http/errors.ts";
import { printable } from "../spec/issue.ts";
import { syncFolder } from "./durable.ts";
import type { PushedEnvironment } from "./environment-repository.ts";
import { checkEnvironmentPush } from "./environment-check.ts";
import type { HookAnswer, HookRequest, RefUpdate } from "./hook-protocol.ts";
import { isRepositoryName, isZero, kindOf, MAIN, shortId } from "./names.ts";
import { checkProjectPush } from "./project-check.ts";
import type { ProjectPushes } from "./project-pushes.ts";
import type { Push, Pushes } from "./pushes.ts";
import type { PushedObjects, Refusal } from "./refusal.ts";
import type { Repositories } from "./repositories.ts";

export interface HookRoutesDeps {
  repositories: Repositories;
  pushes: Pushes;
  projectPushes: ProjectPushes;
  environment: PushedEnvironment;
  /** Largest file that a project may carry, in bytes. */
  maxFileBytes: number;
  versionExists: (model: string, version: number) => Promise<boolean>;
  /** Lines about a pipeline run and what comes of it, until it ends or the signal is aborted. */
  followPush: (pipelineRunId: string, signal: AbortSignal) => AsyncIterable<string>;
  /** Where a failure goes that the pusher can do nothing about. */
  logDefect: (error: unknown, where: string) => void;
}

/** 50 MiB: data of this size still belongs beside the code; more belongs into a step. */
export const DEFAULT_MAX_FILE_BYTES = 50 * 1024 * 1024;

/** Of one hook's report: about 10,000 references. */
const MAX_REPORT_BYTES = 1024 * 1024;

/** A hook's report about a repository that is known to be ours. */
interface Report {
  name: string;
  updates: readonly RefUpdate[];
  objects: PushedObjects;
  push: Push | undefined;
  /** Aborted when the hook or the pusher has gone. */
  signal: AbortSignal;
}

const SCHEMA = {
  params: {
    type: "object",
    required: ["hook"],
    properties: { hook: { enum: ["pre-receive", "post-receive"] } },
  },
  body: {
    type: "object",
    required: ["repository", "updates"],
    properties: {
      repository: { type: "string", maxLength: 4096 },
      push: { type: "string", maxLength: 64 },
      quarantine: { type: "string", maxLength: 4096 },
      updates: {
        type: "array",
        items: {
          type: "object",
          required: ["previous", "commit", "ref"],
          properties: {
            previous: { type: "string", pattern: "^[0-9a-f]{40,64}$" },
            commit: { type: "string", pattern: "^[0-9a-f]{40,64}$" },
            ref: { type: "string", maxLength: 4096, pattern: "^refs/" },
          },
        },
      },
    },
  },
} as const;

/**
 * What Git's hooks ask, for an application that listens on the hooks socket only. The answer is a stream of
 * JSON lines (HookAnswer), so that progress shows while the push is still open.
 */
export function hookRoutes(app: FastifyInstance, deps: HookRoutesDeps): void {
  app.post<{ Params: { hook: string }; Body: HookRequest }>(
    "/hooks/:hook",
    { schema: { ...SCHEMA, hide: true }, bodyLimit: MAX_REPORT_BYTES },
    async (request, reply) => {
      const gone = new AbortController();
      const leave = (): void => gone.abort();
      const push = deps.pushes.find(request.body.push);
      reply.raw.once("close", leave);
      push?.watched.addEventListener("abort", leave, { once: true });
      if (push?.watched.aborted) leave();
      const said = request.params.hook === "pre-receive" ? judge(deps) : follow(deps);
      const answers = answer(deps, request.params.hook, async function* () {
        const report = await readReport(deps, request.body, push, gone.signal);
        return yield* said(report);
      });
      return reply.type("application/x-ndjson").send(Readable.from(answers, { objectMode: true }));
    },
  );
}

type Conversation = AsyncGenerator<string, number>;

/** Lines and verdict as the hook reads them; a failure of ours refuses a push that isn't accepted yet. */
async function* answer(
  deps: HookRoutesDeps,
  hook: string,
  conversation: () => Conversation,
): AsyncGenerator<string> {
  const encode = (line: HookAnswer): string => `${JSON.stringify(line)}\n`;
  try {
    const said = conversation();
    for (;;) {
      const next = await said.next();
      if (next.done) {
        yield encode({ exit: next.value });
        return;
      }
      for (const line of next.value.split("\n")) yield encode({ say: printable(line) });
    }
  } catch (thrown) {
    const error = toSlipwayError(thrown);
    if (error.status >= 500) deps.logDefect(thrown, `the ${hook} hook`);
    yield encode({ say: `slipway: ${printable(error.message)}` });
    yield encode({ say: printable(error.hint) });
    yield encode({ exit: hook === "pre-receive" ? 1 : 0 });
  }
}

/** Believes a hook only what it can check: the path must be one of our repositories. */
async function readReport(
  { repositories }: HookRoutesDeps,
  body: HookRequest,
  push: Push | undefined,
  signal: AbortSignal,
): Promise<Report> {
  const folder = basename(body.repository);
  const name = folder.endsWith(".git") ? folder.slice(0, -".git".length) : "";
  if (!isRepositoryName(name) || !(await sameFolder(repositories.path(name), body.repository))) {
    throw new SlipwayError("NOT_FOUND", `${body.repository} is no repository of this platform`);
  }
  const repository = repositories.path(name);
  const objects = join(repository, "objects");
  const quarantine = body.quarantine === undefined ? undefined : basename(body.quarantine);
  const env: Record<string, string> =
    quarantine !== undefined && /^(?:tmp_objdir-|incoming-)[\w-]+$/.test(quarantine)
      ? {
          GIT_OBJECT_DIRECTORY: join(objects, quarantine),
          GIT_ALTERNATE_OBJECT_DIRECTORIES: quotePath(objects),
        }
      : {};
  return { name, updates: body.updates, objects: { repository, env }, push, signal };
}

/** The variable is a list parted by colons; a path that holds one is written in quotes. */
function quotePath(path: string): string {
  return /[:"\\\n]/.test(path) ? JSON.stringify(path) : path;
}

async function sameFolder(ours: string, theirs: string): Promise<boolean> {
  try {
    return (await realpath(ours)) === (await realpath(theirs));
  } catch {
    return false;
  }
}

/** pre-receive: the verdict about a push whose objects aren't in the repository yet. */
function judge(deps: HookRoutesDeps): (report: Report) => Conversation {
  return async function* ({ name, updates, objects }) {
    const refusal =
      kindOf(name) === "environment"
        ? await checkEnvironmentPush(
            { git: deps.repositories.git, versionExists: deps.versionExists },
            { ...objects, updates },
          )
        : await judgeProject(deps, name, updates, objects);
    if (!refusal) return 0;
    yield "slipway: push refused";
    yield "";
    yield* refusal.lines;
    yield "";
    return 1;
  };
}

async function judgeProject(
  deps: HookRoutesDeps,
  project: string,
  updates: readonly RefUpdate[],
  objects: PushedObjects,
): Promise<Refusal | undefined> {
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

/** post-receive: the push is in; start what it starts, and tell how it goes. */
function follow(deps: HookRoutesDeps): (report: Report) => Conversation {
  return async function* (report) {
    report.push?.accepted();
    // Git flushes packs and references, not their names.
    for (const folder of ["objects/pack", "refs/heads"]) {
      await syncFolder(join(report.objects.repository, folder)).catch(() => {});
    }
    if (kindOf(report.name) === "environment") yield* followEnvironment(deps, report);
    else yield* followProject(deps, report);
    return 0;
  };
}

async function* followEnvironment(deps: HookRoutesDeps, { updates }: Report): AsyncGenerator<string> {
  deps.environment.pushed();
  for (const { previous, commit } of updates) {
    const before = isZero(previous) ? new Map() : await deps.environment.read(previous);
    const after = await deps.environment.read(commit);
    yield `slipway: ${shortId(commit)} says what runs from now on`;
    for (const [name, state] of after) {
      const trial =
        state.challenger === undefined ? "" : `, challenger ${state.challenger} at ${state.weight} %`;
      const changed = JSON.stringify(before.get(name)) !== JSON.stringify(state);
      if (changed) yield `  ${name}: champion ${state.champion}${trial}`;
    }
    for (const name of before.keys()) {
      if (!after.has(name)) yield `  ${name}: removed`;
    }
  }
}

async function* followProject(deps: HookRoutesDeps, report: Report): AsyncGenerator<string> {
  const { repositories } = deps;
  const ref = await repositories.defaultBranch(report.name);
  for (const update of report.updates) {
    if (update.ref !== ref) {
      yield `slipway: ${update.ref.replace(/^refs\/(?:heads|tags)\//, "")} is stored; only ${ref.slice("refs/heads/".length)} runs`;
      continue;
    }
    const pipelineRunId = await start(deps, report, update);
    if (pipelineRunId === undefined) {
      yield "slipway: stored, but the pipeline run couldn't be started; the platform tries again when it starts";
      continue;
    }
    yield `slipway: ${shortId(update.commit)} of ${report.name} starts pipeline run ${pipelineRunId}`;
    yield "slipway: Ctrl-C stops watching, not the pipeline run";
    if (report.signal.aborted) return;
    yield* deps.followPush(pipelineRunId, report.signal);
  }
}

/** The push is in, so a failure to start its pipeline run is no failure of the push. */
async function start(deps: HookRoutesDeps, report: Report, update: RefUpdate): Promise<string | undefined> {
  try {
    const pusher = report.push?.pusher ?? "unknown";
    const push = await deps.projectPushes.accept({ project: report.name, ...update, pusher });
    return push.pipelineRunId;
  } catch (error) {
    deps.logDefect(error, `starting the pipeline run of ${report.name} at ${update.commit}`);
    return undefined;
  }
}
