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
    const counts: [number, number][] = [];
    this.#counts?.forEach((count, bucket) => {
      if (count > 0) counts.push([bucket, count]);
    });
    return { counts, sum: this.#sum };
  }
}
