import type { SlipwayEvent } from "../base/events.ts";
import { SlipwayError } from "../http/errors.ts";
import { readPipelineRun } from "./commands.ts";
import type { PipelinesDeps } from "./deps.ts";

/** Metrics of a training loop come by the thousand; people read a few lines a second. */
const METRICS_EVERY_MS = 250;
/** Lines of a failed step that the pusher sees. */
const SHOWN_LINES = 10;
/** Lines that wait for a slow reader; the oldest metrics go first. */
const MAX_WAITING = 1000;

/** What happens last that the person who pushed waits for. */
const LAST = new Set([
  "pipeline-run.failed",
  "pipeline-run.cancelled",
  "rollout.progressing",
  "rollout.promoted",
  "rollout.rolledback",
  "rollout.superseded",
  "rollout.held",
]);

/**
 * Progress of a pipeline run for a person, from its beginning: what is stored as events, and metrics as they are
 * logged. Ends with the pipeline run when it makes no rollout, else when the rollout is under way or over.
 */
export async function* followLines(
  id: string,
  deps: Pick<PipelinesDeps, "database" | "events" | "tracking" | "clock">,
  signal: AbortSignal,
): AsyncIterable<string> {
  const run = await deps.database.read((tx) => readPipelineRun(tx, id));
  if (!run) throw new SlipwayError("NOT_FOUND", `there is no pipeline run ${id}`);
  const stop = new AbortController();
  const onAbort = (): void => stop.abort(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  const lines = new Lines();
  const metrics = new MetricLines(lines);
  const unsubscribe = deps.tracking.onLogged((runId, logged) => {
    if (runId === run.trackingRunId) metrics.add(logged.metrics);
  });
  const hasModel = run.spec.model !== undefined;
  const reading = (async () => {
    if (run.state === "queued")
      lines.push("slipway: waiting until earlier pipeline runs of this project have ended");
    for await (const event of deps.events.follow(`pipeline-run/${id}`, { signal: stop.signal })) {
      metrics.flush();
      for (const line of linesOf(event)) lines.push(line);
      if (LAST.has(event.kind) || (!hasModel && event.kind === "pipeline-run.succeeded")) return;
    }
  })();
  reading.then(
    () => lines.end(),
    (error: unknown) => lines.end(stop.signal.aborted ? undefined : error),
  );
  try {
    yield* lines.read();
  } finally {
    unsubscribe();
    metrics.close();
    signal.removeEventListener("abort", onAbort);
    stop.abort();
  }
}

function linesOf(event: SlipwayEvent): string[] {
  // The end of the steps isn't the end for the reader: the rollout comes next, and says more.
  if (event.kind === "pipeline-run.succeeded") return [];
  const lines = [`slipway: ${event.message}`];
  const last = event.data?.lastLines;
  if (event.kind === "pipeline-run.failed" && Array.isArray(last))
    for (const line of last.slice(-SHOWN_LINES)) lines.push(`  ${String(line)}`);
  return lines;
}

/** Lines between a writer and a reader. */
class Lines {
  #waiting: string[] = [];
  #wake: (() => void) | undefined;
  #ended = false;
  #error: unknown;

  push(line: string): void {
    if (this.#waiting.length >= MAX_WAITING) this.#waiting.shift();
    this.#waiting.push(line);
    this.#wake?.();
  }

  end(error?: unknown): void {
    this.#ended = true;
    this.#error = error;
    this.#wake?.();
  }

  async *read(): AsyncIterable<string> {
    for (;;) {
      const line = this.#waiting.shift();
      if (line !== undefined) yield line;
      else if (this.#ended) {
        if (this.#error !== undefined) throw this.#error;
        return;
      } else
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
    }
  }
}

/** Joins what was logged within a moment into one line with the latest values. */
class MetricLines {
  readonly #lines: Lines;
  #latest: Record<string, number> = {};
  #timer: NodeJS.Timeout | undefined;

  constructor(lines: Lines) {
    this.#lines = lines;
  }

  add(metrics: Record<string, number>): void {
    if (Object.keys(metrics).length === 0) return;
    Object.assign(this.#latest, metrics);
    this.#timer ??= setTimeout(() => this.flush(), METRICS_EVERY_MS);
  }

  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const entries = Object.entries(this.#latest).slice(0, 20);
    this.#latest = {};
    if (entries.length === 0) return;
    const shown = entries.map(([name, value]) => `${name} ${Number(value.toPrecision(6))}`);
    this.#lines.push(`slipway:   ${shown.join(", ")}`);
  }

  close(): void {
    clearTimeout(this.#timer);
  }
}
