import { latencyEdge } from "../serving/outcomes.ts";
import type { Percentiles } from "./evidence.ts";

/** Sparse histogram: [bucket, count] by rising bucket. */
export type LatencyCounts = [bucket: number, count: number][];

/** Both together. */
export function addCounts(one: LatencyCounts, other: LatencyCounts): LatencyCounts {
  if (other.length === 0) return one;
  const sum = new Map(one);
  for (const [bucket, count] of other) sum.set(bucket, (sum.get(bucket) ?? 0) + count);
  return [...sum].filter(([, count]) => count > 0).sort(([a], [b]) => a - b);
}

/**
 * The quantile in milliseconds, between its bucket's edges by how far into the bucket it lies; null without units.
 * For people: the error is at most the bucket's width (1.1 % of the value with the default edges).
 */
export function quantileOf(
  counts: LatencyCounts,
  quantile: number,
  edges?: readonly number[],
): number | null {
  const total = counts.reduce((sum, [, count]) => sum + count, 0);
  if (total === 0) return null;
  const upper = (bucket: number): number =>
    edges === undefined ? latencyEdge(bucket) : (edges[Math.min(bucket, edges.length - 1)] ?? 0);
  const wanted = quantile * total;
  let below = 0;
  for (const [bucket, count] of counts) {
    if (below + count >= wanted) {
      const low = bucket === 0 ? 0 : upper(bucket - 1);
      return low + (upper(bucket) - low) * Math.max(0, (wanted - below) / count);
    }
    below += count;
  }
  return upper(counts.at(-1)?.[0] ?? 0);
}

/** What people ask of a latency; null without units. */
export function percentilesOf(counts: LatencyCounts, edges?: readonly number[]): Percentiles | null {
  const p50 = quantileOf(counts, 0.5, edges);
  const p95 = quantileOf(counts, 0.95, edges);
  const p99 = quantileOf(counts, 0.99, edges);
  return p50 === null || p95 === null || p99 === null ? null : { p50, p95, p99 };
}
