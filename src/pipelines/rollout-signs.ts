import type { SlipwayEvent } from "../base/events.ts";

/** How long nothing may be heard of a version before the person who waits hears that it goes on, in milliseconds. */
const QUIET_MS = 15_000;

/** What a version waits for between its registration and its rollout's beginning, by the last that happened to it. */
const WAITS: Readonly<Record<string, string>> = {
  "version.registered": "its rollout hasn't begun yet",
  "rollout.checking": "it is being loaded where it will serve",
  "rollout.contract-passed": "what serves is being changed",
};

/** The way of a version into its rollout, as a reader of events knows it. Times are the caller's. */
export class RolloutSigns {
  #waits: { what: string; since: number; heardAt: number } | undefined;

  /** Takes any event; those about something else change nothing. */
  saw({ kind, at }: Pick<SlipwayEvent, "kind" | "at">, now: number): void {
    const what = WAITS[kind];
    if (what !== undefined) this.#waits = { what, since: at, heardAt: now };
  }

  /** A line when it has been silent for too long; it counts as heard of then. */
  sign(now: number): string | undefined {
    if (this.#waits === undefined || now - this.#waits.heardAt < QUIET_MS) return undefined;
    this.#waits.heardAt = now;
    const { what, since } = this.#waits;
    return `${what}, ${Math.round((now - since) / 1000)} s`;
  }
}
