import { join } from "node:path";
import type { LocalRun } from "./run.ts";
import { logName } from "./step.ts";
import { LogReader } from "./step-log.ts";

/** Lines of the steps' logs: what is there, step by step, then, while `live` goes on, what comes. */
export async function* followLogs(
  logDir: string,
  steps: readonly string[],
  live: LocalRun | undefined,
  signal: AbortSignal,
): AsyncIterable<{ step: string; line: string }> {
  const readers = steps.map((step) => ({ step, reader: new LogReader(join(logDir, logName(step))) }));
  while (!signal.aborted) {
    // Asked before reading: what is written between the two is then found in the next round.
    const over = live === undefined || live.stopped || live.status().state !== "running";
    const woken = live?.changed.wait(signal);
    let any = false;
    for (const { step, reader } of readers)
      for (let more = true; more && !signal.aborted;) {
        const read = await reader.read(over);
        more = read.more;
        any ||= read.lines.length > 0;
        for (const line of read.lines) yield { step, line };
      }
    if (over) return;
    if (!any) await woken;
  }
}
