import type { Clock } from "../base/clock.ts";
import { SlipwayError } from "../http/errors.ts";

export interface SlotsDeps {
  clock: Clock;
  /** Held at once. */
  slots: number;
  /** Waiting at once; more are refused at once. */
  queue: number;
  /** Longest wait, in milliseconds. */
  waitMs: number;
}

/** So many at once, so many waiting, first come first served. */
export class Slots {
  readonly #deps: SlotsDeps;
  readonly #waiting: (() => void)[] = [];
  #held = 0;

  constructor(deps: SlotsDeps) {
    this.#deps = deps;
  }

  /** Resolves with the release, which may be called more than once. UNAVAILABLE when it takes too long. */
  async take(signal: AbortSignal): Promise<() => void> {
    if (this.#held < this.#deps.slots) this.#held++;
    else await this.#wait(signal);
    let released = false;
    return () => {
      if (released) return;
      released = true;
      const next = this.#waiting.shift();
      // The slot goes on to the next one without being free in between.
      if (next) next();
      else this.#held--;
    };
  }

  async #wait(signal: AbortSignal): Promise<void> {
    const { clock, queue, waitMs } = this.#deps;
    if (this.#waiting.length >= queue) throw busy();
    const done = new AbortController();
    let handOver = (): void => {};
    const turn = new Promise<true>((resolve) => {
      handOver = () => resolve(true);
    });
    this.#waiting.push(handOver);
    const stop = (): void => done.abort();
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
    const late = clock.sleep(waitMs, done.signal).then(
      () => false,
      () => false,
    );
    const mine = await Promise.race([turn, late]);
    signal.removeEventListener("abort", stop);
    done.abort();
    if (mine) return;
    const place = this.#waiting.indexOf(handOver);
    if (place >= 0) {
      this.#waiting.splice(place, 1);
      throw busy();
    }
    // It was handed over in the very moment in which the wait ended.
  }
}

function busy(): SlipwayError {
  return new SlipwayError("UNAVAILABLE", "too many pushes and fetches are under way");
}
