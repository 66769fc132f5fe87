import { latencyBucket } from "../outcomes.ts";
import type { LatencyHistogram } from "../outcomes.ts";

/** Buckets to a part, a power of two; one model's latencies touch a few parts, so that a cell takes 1 KiB and not 3. */
const PART = 32;

/** Counts by latency: dense where something was counted, and sparse in the report. */
export class LatencyCounts {
  readonly #parts: (Uint32Array | undefined)[] = [];
  #sum = 0;

  add(milliseconds: number): void {
    const bucket = latencyBucket(milliseconds);
    const index = Math.floor(bucket / PART);
    const part = (this.#parts[index] ??= new Uint32Array(PART));
    part[bucket % PART] = (part[bucket % PART] ?? 0) + 1;
    this.#sum += milliseconds;
  }

  histogram(): LatencyHistogram {
    const counts: [number, number][] = [];
    this.#parts.forEach((part, index) =>
      part?.forEach((count, at) => {
        if (count > 0) counts.push([index * PART + at, count]);
      }),
    );
    return { counts, sum: this.#sum };
  }
}
