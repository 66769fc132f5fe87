import type { Clock } from "../../base/clock.ts";

/** Sleep that can be cut short; a ring while nobody sleeps cuts the next one. */
export class Alarm {
  readonly #clock: Clock;
  #rung = false;
  #sleeping: AbortController | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  ring(): void {
    this.#rung = true;
    this.#sleeping?.abort();
  }

  async wait(ms: number): Promise<void> {
    if (!this.#rung) {
      this.#sleeping = new AbortController();
      await this.#clock.sleep(ms, this.#sleeping.signal).catch(() => undefined);
    }
    this.#rung = false;
  }
}
