import type { SlipwayEvent } from "../base/events.ts";

/** How long a step may be silent before the person who waits hears of it again, in milliseconds. */
const QUIET_MS = { preparing: 10_000, running: 15_000 } as const;
/** Steps of one message: a hundred parallel ones would fill the screen. */
const SHOWN_STEPS = 3;
/** Characters of a last line. */
const LINE_LENGTH = 80;

interface ActiveStep {
  doing: keyof typeof QUIET_MS;
  /** What it prepares. */
  what: string;
  since: number;
  /** When the reader last saw something of it. */
  heardAt: number;
  lastLine: string;
}

/** The steps that are under way, as a reader of events and log lines knows them. Times are the caller's. */
export class ActiveSteps {
  readonly #steps = new Map<string, ActiveStep>();

  /** Takes an event about a step; others change nothing. */
  saw({ kind, at, data }: Pick<SlipwayEvent, "kind" | "at" | "data">, now: number): void {
    const step = data?.step;
    if (typeof step !== "string" || !kind.startsWith("step.")) return;
    const isRunning = kind === "step.started";
    if (!isRunning && kind !== "step.preparing" && kind !== "step.retried")
      return void this.#steps.delete(step);
    const reason = typeof data?.reason === "string" ? data.reason : "";
    const was = this.#steps.get(step);
    const doing = isRunning ? "running" : "preparing";
    this.#steps.set(step, {
      doing,
      what: isRunning ? "" : reason,
      since: was?.doing === doing ? was.since : at,
      heardAt: now,
      lastLine: "",
    });
  }

  /** Takes a line that a step printed. */
  printed(step: string, line: string): void {
    const active = this.#steps.get(step);
    // What we note in the log ourselves was told by an event.
    if (active !== undefined && line.trim() !== "" && !line.startsWith("slipway: "))
      active.lastLine = line.trim();
  }

  /** Something of the running steps was shown: whoever reads it knows that they live. */
  heard(now: number): void {
    for (const step of this.#steps.values()) if (step.doing === "running") step.heardAt = now;
  }

  /** Lines about the steps that have been silent for too long; they count as heard of then. */
  signsOfLife(now: number): string[] {
    const quiet = [...this.#steps].filter(([, { doing, heardAt }]) => now - heardAt >= QUIET_MS[doing]);
    for (const [, step] of quiet) step.heardAt = now;
    const lines = quiet.slice(0, SHOWN_STEPS).map(([name, step]) => `step ${name}: ${describe(step, now)}`);
    if (quiet.length > SHOWN_STEPS) lines.push(`and ${quiet.length - SHOWN_STEPS} more steps`);
    return lines;
  }
}

function describe({ doing, what, since, lastLine }: ActiveStep, now: number): string {
  const elapsed = `${Math.round((now - since) / 1000)} s`;
  const state = doing === "running" ? "running for" : `${what.split(" (")[0]},`;
  const line = lastLine.length > LINE_LENGTH ? `${lastLine.slice(0, LINE_LENGTH - 1)}…` : lastLine;
  return `${state} ${elapsed}${line === "" ? "" : `; last line: ${line}`}`;
}
