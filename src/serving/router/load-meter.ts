/** Weight of the latest window in the smoothed figure: about three seconds of four windows each. */
const WEIGHT = 0.15;

/** How many requests were under way or waiting, on average over time: what a number of workers is chosen by. */
export class LoadMeter {
  #count = 0;
  #changedAt: number;
  #windowAt: number;
  /** Requests times milliseconds of this window. */
  #area = 0;
  #smoothed = 0;

  constructor(now: number) {
    this.#changedAt = now;
    this.#windowAt = now;
  }

  /** One more (1) or one fewer (-1) from now on. */
  add(change: 1 | -1, now: number): void {
    this.#area += this.#count * (now - this.#changedAt);
    this.#changedAt = now;
    this.#count += change;
  }

  /** Mean of the window that ends now; the next one begins. */
  endWindow(now: number): number {
    const spent = now - this.#windowAt;
    const mean = spent > 0 ? (this.#area + this.#count * (now - this.#changedAt)) / spent : this.#count;
    this.#area = 0;
    this.#changedAt = now;
    this.#windowAt = now;
    this.#smoothed += WEIGHT * (mean - this.#smoothed);
    return mean;
  }

  /** Over some seconds. */
  get smoothed(): number {
    return this.#smoothed;
  }
}
