/** Counts of values in buckets, as a histogram of Prometheus has them. */
export interface HistogramCounts {
  /** Upper bounds, rising. */
  bounds: number[];
  /** For each bound, not cumulative, and one more beyond all. */
  counts: number[];
  sum: number;
}

/** A histogram of whole numbers whose bounds are powers of two: to count one costs a few instructions, and no memory. */
export class PowerHistogram {
  readonly #first: number;
  readonly #counts: number[];
  #sum = 0;

  /** Bounds 2^first, 2^(first+1), … as many as `bounds`. */
  constructor(first: number, bounds: number) {
    this.#first = first;
    this.#counts = Array.from({ length: bounds + 1 }, () => 0);
  }

  /** @param value a whole number from 0 to 2^31 */
  add(value: number): void {
    const power = value <= 1 ? 0 : 32 - Math.clz32(value - 1);
    const at = Math.min(this.#counts.length - 1, Math.max(0, power - this.#first));
    this.#counts[at] = (this.#counts[at] ?? 0) + 1;
    this.#sum += value;
  }

  /** @param unit what a value of 1 is in the unit of the bounds, such as 1e-6 for microseconds in seconds */
  read(unit = 1): HistogramCounts {
    const bounds = this.#counts.slice(1).map((_, i) => tidy(2 ** (this.#first + i) * unit));
    return { bounds, counts: [...this.#counts], sum: tidy(this.#sum * unit) };
  }
}

/** Without what binary fractions leave behind: 0.000064, not 0.00006399999999999999. */
function tidy(value: number): number {
  return Number(value.toPrecision(12));
}
