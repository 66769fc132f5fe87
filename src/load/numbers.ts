/** Numbers that are only added to and sorted once; a run of an hour has millions. */
export class Numbers {
  #values = new Float64Array(4_096);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  add(value: number): void {
    if (this.#count === this.#values.length) {
      const grown = new Float64Array(this.#count * 2);
      grown.set(this.#values);
      this.#values = grown;
    }
    this.#values[this.#count++] = value;
  }

  /** A copy, rising. */
  sorted(): Float64Array {
    return this.#values.slice(0, this.#count).sort();
  }
}

/** The q-quantile (0 to 1) of rising numbers by the nearest rank: one that was really seen. NaN of none. */
export function quantile(sorted: Float64Array, q: number): number {
  const at = Math.min(sorted.length - 1, Math.max(0, Math.ceil(q * sorted.length) - 1));
  return sorted[at] ?? Number.NaN;
}
