import { LATENCY_BUCKETS, latencyBucket } from "../outcomes.ts";
import type { LatencyHistogram } from "../outcomes.ts";

/** Counts by latency, dense in memory (3 KiB once something was counted) and sparse in the report. */
export class LatencyCounts {
  #counts: Uint32Array | undefined;
  #sum = 0;

  add(milliseconds: number): void {
    this.#counts ??= new Uint32Array(LATENCY_BUCKETS);
    const bucket = latencyBucket(milliseconds);
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#sum += milliseconds;
  }

  histogram(): LatencyHistogram {
    const sparse: [number, number][] = [];
    const counts = this.#counts;
    if (counts === undefined) return { counts: sparse, sum: 0 };
    for (let bucket = 0; bucket < LATENCY_BUCKETS; bucket++) {
      const count = counts[bucket] ?? 0;
      if (count > 0) sparse.push([bucket, count]);
    }
    return { counts: sparse, sum: this.#sum };
  }
}
