import { StringDecoder } from "node:string_decoder";
import type { Clock } from "../../../base/clock.ts";
import type { StepDesk } from "../../../pipelines/remote/desk.ts";
import { isFinal } from "../../../pipelines/schedule.ts";
import type { ClusterClient } from "../cluster/client.ts";
import type { OpenStream } from "../cluster/stream.ts";
import type { ArgoRun } from "./argo-run.ts";
import { MAIN, podsOfRun, type StepPod } from "./pods.ts";

interface LogDeps {
  client: ClusterClient;
  open: OpenStream;
  clock: Clock;
  desk: StepDesk;
}

interface Wanted {
  id: string;
  tenant: string;
  namespace: string;
  steps: readonly string[];
  /** Present: goes on until it has ended. */
  live: ArgoRun | undefined;
  /** Pods may have what hasn't been left with the platform yet. */
  isLive: boolean;
  signal: AbortSignal;
}

type Line = { step: string; line: string };

/** Between looks for a pod that has begun. */
const LOOK_MS = 500;
/** The server ends no log that is silent; a step may think for hours. */
const QUIET_MS = 24 * 3_600_000;
/** A longer line is read as several. */
const MAX_LINE = 64 * 1024;
/** Lines that wait for a reader who is slower than the steps. */
const MAX_WAITING = 10_000;

/** Said by Argo's executor in the step's own output. */
export const EXECUTORS = /^time="[^"]*" level=\w+ .*\bargo=true\b|^\{.*"argo":\s*true/;

/** The executor's very last ones, after a command that failed; only there are they its. */
const LAST_WORDS = /^Error: exit status \d+$/;

/** Lines of steps: of ended tries as they were left with the platform, of the one that goes on from its pod. */
export async function* followLogs(deps: LogDeps, wanted: Wanted): AsyncIterable<Line> {
  const { steps, live, signal } = wanted;
  if (live === undefined) {
    for (const step of steps) for await (const line of linesOf(deps, wanted, step)) yield { step, line };
    return;
  }
  yield* merged(
    steps.map((step) => ({ step, lines: linesOf(deps, wanted, step) })),
    signal,
  );
}

async function* linesOf(deps: LogDeps, wanted: Wanted, step: string): AsyncGenerator<string> {
  const { id, tenant, namespace, live, isLive, signal } = wanted;
  let shown = -1;
  /** Lines of the next try that were shown already, by its pod. */
  let skip = 0;
  while (!signal.aborted) {
    const status = live?.status.steps.find(({ name }) => name === step);
    // Asked before reading: what is left between the two is found in the next round.
    const isOver = status === undefined || isFinal(status.state) || live?.status.state !== "running";
    for (const { tryNumber, body } of await deps.desk.files.logs(tenant, id, step)) {
      if (tryNumber <= shown || signal.aborted) body.destroy();
      else {
        let left = tryNumber === shown + 1 ? skip : 0;
        for await (const line of split(body as AsyncIterable<Uint8Array>)) if (left-- <= 0) yield line;
        shown = tryNumber;
        skip = 0;
      }
    }
    // A step that the kernel ended left no log: of one that is over its pod has it as long as there is one.
    const pods = await podsOfRun(deps.client, namespace, id, step).catch((error: unknown) => {
      if (isLive) throw error;
      return [];
    });
    const pod = pods.findLast(({ tryNumber, hasBegun }) => tryNumber > shown && hasBegun);
    if (pod !== undefined && pod.tryNumber > shown + 1) {
      // A try before it left no log: its pod was lost.
      shown = pod.tryNumber - 1;
      skip = 0;
    }
    if (pod !== undefined) {
      let seen = 0;
      for await (const line of podLines(deps, namespace, pod, live !== undefined, signal))
        if (++seen > skip) yield line;
      skip = Math.max(skip, seen);
    }
    if (
      isOver &&
      (live === undefined || live.status.state !== "running" || isFinal(status?.state ?? "waiting"))
    )
      return;
    await untilNews(deps.clock, live, signal);
  }
}

/** Until the run changed, or a pod may have begun; leaves no listener behind. */
async function untilNews(clock: Clock, live: ArgoRun | undefined, signal: AbortSignal): Promise<void> {
  const round = new AbortController();
  const stop = (): void => round.abort();
  if (signal.aborted) return;
  signal.addEventListener("abort", stop, { once: true });
  const slept = clock.sleep(LOOK_MS, round.signal).catch(() => undefined);
  await Promise.race([live?.changed.wait(round.signal) ?? slept, slept]);
  signal.removeEventListener("abort", stop);
  stop();
}

/** The container's output without what Argo's executor says in it. A pod that is gone has none. */
async function* podLines(
  { open }: LogDeps,
  namespace: string,
  { name }: StepPod,
  follow: boolean,
  signal: AbortSignal,
): AsyncGenerator<string> {
  try {
    const opened = await open({
      method: "GET",
      path: `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(name)}/log`,
      query: { container: MAIN, follow: String(follow) },
      signal,
      quietMs: QUIET_MS,
    });
    if (opened.status !== 200) {
      for await (const _ of opened.body) break;
      return;
    }
    let held: string | undefined;
    for await (const line of split(opened.body)) {
      if (EXECUTORS.test(line)) continue;
      if (held !== undefined) yield held;
      held = LAST_WORDS.test(line) ? line : undefined;
      if (held === undefined) yield line;
    }
  } catch {
    // The connection to its node broke; the log that the step leaves with the platform has the rest.
  }
}

async function* split(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new StringDecoder("utf8");
  let rest = "";
  for await (const chunk of body) {
    const lines = (rest + decoder.write(Buffer.from(chunk))).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) yield line.replace(/\r$/, "");
    for (; rest.length > MAX_LINE; rest = rest.slice(MAX_LINE)) yield rest.slice(0, MAX_LINE);
  }
  if (rest !== "") yield rest;
}

/** Lines of several steps as they come. */
async function* merged(
  all: readonly { step: string; lines: AsyncGenerator<string> }[],
  signal: AbortSignal,
): AsyncGenerator<Line> {
  const waiting: Line[] = [];
  let open = all.length;
  let failure: { error: unknown } | undefined;
  let wake: () => void = () => undefined;
  let drained: () => void = () => undefined;
  for (const { step, lines } of all)
    void (async () => {
      try {
        for await (const line of lines) {
          waiting.push({ step, line });
          wake();
          while (waiting.length > MAX_WAITING && !signal.aborted)
            await new Promise<void>((resolve) => (drained = resolve));
        }
      } catch (error) {
        failure = { error };
      } finally {
        open--;
        wake();
      }
    })();
  signal.addEventListener("abort", () => (wake(), drained()), { once: true });
  while (!signal.aborted) {
    const next = waiting.shift();
    if (next !== undefined) {
      drained();
      yield next;
    } else if (failure !== undefined) throw failure.error;
    else if (open === 0) return;
    else await new Promise<void>((resolve) => (wake = resolve));
  }
}
