import { once } from "node:events";
import type { AdminCalls } from "../../../serving/admin/calls.ts";

export type Callers = AdminCalls["callers"]["request"];

/** Who may call, once control has said it: no process takes requests before it knows. */
export class KnownCallers {
  #latest: Callers | undefined;
  readonly #said = new AbortController();

  say(callers: Callers): void {
    this.#latest = callers;
    this.#said.abort();
  }

  /** What was said last, as soon as anything was. Rejects with the signal's reason. */
  async latest(signal: AbortSignal): Promise<Callers> {
    if (this.#latest === undefined) await once(this.#said.signal, "abort", { signal });
    signal.throwIfAborted();
    return this.#latest as Callers;
  }
}
