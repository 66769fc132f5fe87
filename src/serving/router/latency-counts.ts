import { latencyBucket } from "../outcomes.ts";
import type { LatencyHistogram } from "../outcomes.ts";

/** Buckets by which the counted range grows. */
const STEP = 64;

/** Counts by latency, over the range that was seen: one model's latencies take about 1.5 KiB, and all buckets 6. */
export class LatencyCounts {
  /** Bucket of the first count. */
  #first = 0;
  #counts: Uint32Array | undefined;
  #sum = 0;

  add(milliseconds: number): void {
    const bucket = latencyBucket(milliseconds);
    const counts = this.#reaching(bucket);
    const at = bucket - this.#first;
    counts[at] = (counts[at] ?? 0) + 1;
    this.#sum += milliseconds;
  }

  addAll(other: LatencyCounts): void {
    const { counts, sum } = other.histogram();
    for (const [bucket, count] of counts) {
      const own = this.#reaching(bucket);
      own[bucket - this.#first] = (own[bucket - this.#first] ?? 0) + count;
    }
    this.#sum += sum;
  }

  histogram(): LatencyHistogram {
    const counts: [number, number][] = [];
    this.#counts?.forEach((count, at) => {
      if (count > 0) counts.push([this.#first + at, count]);
    });
    return { counts, sum: this.#sum };
  }

  #reaching(bucket: number): Uint32Array {
    const old = this.#counts;
    if (old && bucket >= this.#first && bucket < this.#first + old.length) return old;
    const from = bucket - (bucket % STEP);
    const first = old ? Math.min(this.#first, from) : from;
    const end = Math.max(old ? this.#first + old.length : 0, from + STEP);
    const grown = new Uint32Array(end - first);
    if (old) grown.set(old, this.#first - first);
    this.#first = first;
    return (this.#counts = grown);
  }
}
