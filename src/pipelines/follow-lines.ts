import type { SlipwayEvent } from "../base/events.ts";
import { SlipwayError } from "../http/errors.ts";
import { ActiveSteps } from "./active-steps.ts";
import { readPipelineRun } from "./commands.ts";
import type { PipelinesDeps } from "./deps.ts";
import type { PipelineRun } from "./pipeline-run.ts";
import { Lines, MetricLines } from "./progress-lines.ts";
import { RolloutSigns } from "./rollout-signs.ts";

/** Lines of a failed step that the pusher sees. */
const SHOWN_LINES = 10;
/** How often silent steps are looked for; a queue that moves on sooner isn't worth a line. */
const LOOK_MS = 1000;

/** What happens last that the person who pushed waits for. */
const LAST = new Set([
  "pipeline-run.failed",
  "pipeline-run.cancelled",
  "rollout.progressing",
  "rollout.promoted",
  "rollout.rolledback",
  "rollout.superseded",
  "rollout.held",
  // For the cluster, or for somebody who changes it: that may take hours.
  "rollout.waiting",
]);

type FollowDeps = Pick<PipelinesDeps, "database" | "engine" | "events" | "tracking" | "clock" | "url">;

/**
 * Progress of a pipeline run for a person, from its beginning: what is stored as events, metrics as they are logged,
 * and signs of life of steps that are silent. Ends with the pipeline run when it makes no rollout, else when the
 * rollout is under way or over.
 */
export async function* followLines(id: string, deps: FollowDeps, signal: AbortSignal): AsyncIterable<string> {
  const run = await deps.database.read((tx) => readPipelineRun(tx, id));
  if (!run) throw new SlipwayError("NOT_FOUND", `there is no pipeline run ${id}`);
  if (run.broughtFrom !== undefined) {
    yield `slipway: it came along with what it made, from ${run.broughtFrom}; nothing is run again`;
    return;
  }
  const stop = new AbortController();
  const onAbort = (): void => stop.abort(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  const lines = new Lines();
  const steps = new ActiveSteps();
  const metrics = new MetricLines((line) => {
    lines.push(`slipway: ${line}`);
    steps.heard(deps.clock.now());
  });
  const unsubscribe = deps.tracking.onLogged((runId, logged) => {
    if (runId === run.trackingRunId) metrics.add(logged.metrics);
  });
  const following = { run, deps, lines, steps, rollout: new RolloutSigns(), signal: stop.signal };
  readEvents(following, metrics).then(
    () => lines.end(),
    (error: unknown) => lines.end(stop.signal.aborted ? undefined : error),
  );
  void watch(following).catch(() => {});
  try {
    yield* lines.read();
  } finally {
    unsubscribe();
    metrics.close();
    signal.removeEventListener("abort", onAbort);
    stop.abort();
  }
}

interface Following {
  run: PipelineRun;
  deps: FollowDeps;
  lines: Lines;
  steps: ActiveSteps;
  rollout: RolloutSigns;
  signal: AbortSignal;
}

async function readEvents(following: Following, metrics: MetricLines): Promise<void> {
  const { run, deps, lines, steps, rollout, signal } = following;
  let isLogRead = false;
  for await (const event of deps.events.follow(`pipeline-run/${run.id}`, { signal })) {
    metrics.flush();
    for (const line of linesOf(event, run.spec.model !== undefined)) lines.push(line);
    steps.saw(event, deps.clock.now());
    rollout.saw(event, deps.clock.now());
    if (!isLogRead && event.kind.startsWith("step.")) {
      isLogRead = true;
      // Without the log there is no last line to show; the events say what matters.
      void readLog(following).catch(() => {});
    }
    if (LAST.has(event.kind) || (!run.spec.model && event.kind === "pipeline-run.succeeded")) {
      const hint = nextStep(following, event.kind);
      if (hint !== undefined) lines.push(`slipway: ${hint}`);
      return;
    }
  }
}

/** Remembers what the steps print. Called once the engine knows the pipeline run. */
async function readLog({ run, deps, steps, signal }: Following): Promise<void> {
  for await (const { step, line } of deps.engine.logs(run.id, { follow: true, signal }))
    steps.printed(step, line);
}

/** Says that it goes on when nothing else does. */
async function watch({ run, deps, lines, steps, rollout, signal }: Following): Promise<void> {
  const { clock, database } = deps;
  await clock.sleep(LOOK_MS, signal);
  if ((await database.read((tx) => readPipelineRun(tx, run.id)))?.state === "queued")
    lines.push("slipway: waiting until earlier pipeline runs of this project have ended");
  for (;;) {
    const now = clock.now();
    for (const line of [...steps.signsOfLife(now), rollout.sign(now) ?? []].flat())
      lines.push(`slipway: ${line}`);
    await clock.sleep(LOOK_MS, signal);
  }
}

/** What the person who pushed may want to do when the telling ends. */
function nextStep({ run, deps }: Following, kind: string): string | undefined {
  const model = run.spec.model?.name;
  if (kind === "pipeline-run.failed") return `more: slipway why run/${run.id}`;
  if (model === undefined) return undefined;
  if (kind === "rollout.promoted") return `it serves at ${deps.url()}/v2/models/${model}/infer`;
  if (kind === "rollout.progressing" || kind === "rollout.held")
    return `watch it: slipway rollout show ${model} --watch, or ${deps.url()}/services/${model}`;
  if (kind === "rollout.waiting") return `it is tried on without you; more: slipway why service/${model}`;
  return kind === "rollout.rolledback" ? `more: slipway why service/${model}` : undefined;
}

function linesOf(event: SlipwayEvent, hasModel: boolean): string[] {
  // The end of the steps isn't the end for the reader: the rollout comes next, and says more.
  if (event.kind === "pipeline-run.succeeded" && hasModel) return [];
  const lines = [`slipway: ${event.message}`];
  const last = event.data?.lastLines;
  if (event.kind === "pipeline-run.failed" && Array.isArray(last))
    for (const line of last.slice(-SHOWN_LINES)) lines.push(`  ${String(line)}`);
  return lines;
}
