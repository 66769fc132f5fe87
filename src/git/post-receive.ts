import { join } from "node:path";
import { syncFolder } from "./durable.ts";
import type { PushedEnvironment } from "./environment-repository.ts";
import type { RefUpdate } from "./hook-protocol.ts";
import type { Conversation, Report } from "./hook-report.ts";
import { printable } from "../spec/issue.ts";
import { isZero, kindOf, shortId } from "./names.ts";
import type { ProjectPushes } from "./project-pushes.ts";
import type { Repositories } from "./repositories.ts";

export interface PostReceiveDeps {
  repositories: Repositories;
  projectPushes: ProjectPushes;
  environment: PushedEnvironment;
  /** Lines about a pipeline run and what comes of it, until it ends or the signal is aborted. */
  followPush: (pipelineRunId: string, signal: AbortSignal) => AsyncIterable<string>;
  /** Where a failure goes that the pusher can do nothing about. */
  logDefect: (error: unknown, where: string) => void;
}

/** post-receive: the push is in; start what it starts, and tell how it goes. */
export function follow(deps: PostReceiveDeps): (report: Report) => Conversation {
  return async function* (report) {
    await report.push?.accepted(report.updates.length);
    // Git flushes packs and references, not their names.
    for (const folder of ["objects/pack", "refs/heads"]) {
      await syncFolder(join(report.objects.repository, folder)).catch(() => {});
    }
    if (kindOf(report.name) === "environment") yield* followEnvironment(deps, report);
    else yield* followProject(deps, report);
    return 0;
  };
}

async function* followEnvironment(deps: PostReceiveDeps, { updates }: Report): AsyncGenerator<string> {
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

async function* followProject(deps: PostReceiveDeps, report: Report): AsyncGenerator<string> {
  const ref = await deps.repositories.defaultBranch(report.name);
  const update = report.updates.find((one) => one.ref === ref);
  // Before the first line: a pusher who leaves ends the telling wherever it is.
  const pipelineRunId = update && (await start(deps, report, update));
  for (const other of report.updates) {
    if (other === update) continue;
    const name = printable(other.ref.replace(/^refs\/(?:heads|tags)\//, ""));
    yield `slipway: ${name} is stored; only ${ref.slice("refs/heads/".length)} runs`;
  }
  if (!update) return;
  if (pipelineRunId === undefined) {
    yield "slipway: stored, but the pipeline run couldn't be started; the platform tries again when it starts";
    return;
  }
  yield `slipway: ${shortId(update.commit)} of ${report.name} starts pipeline run ${pipelineRunId}`;
  yield "slipway: Ctrl-C stops watching, not the pipeline run";
  yield* deps.followPush(pipelineRunId, report.signal);
}

/** The push is in, so a failure to start its pipeline run is no failure of the push. */
async function start(deps: PostReceiveDeps, report: Report, update: RefUpdate): Promise<string | undefined> {
  try {
    const pusher = report.push?.pusher ?? "unknown";
    const push = await deps.projectPushes.accept({ project: report.name, ...update, pusher });
    return push.pipelineRunId;
  } catch (error) {
    deps.logDefect(error, `starting the pipeline run of ${report.name} at ${update.commit}`);
    return undefined;
  }
}
