import { latencyEdge } from "../../serving/outcomes.ts";
import { DECAY_SECONDS } from "./champion-rate.ts";

/**
 * The champion's recent latencies: a histogram that fades, and what came since it was last brought up to date.
 * Plain JSON. `first` is the bucket of counts[0].
 */
export interface ChampionLatency {
  first: number;
  counts: number[];
  total: number;
  /** Bucket, count, bucket, count, … not yet in `counts`. */
  recent: number[];
  /** Seconds since `counts` was brought up to date. */
  age: number;
}

export function unknownLatency(): ChampionLatency {
  return { first: 0, counts: [], total: 0, recent: [], age: 0 };
}

/** A copy to add to; `counts` is never changed, only replaced. */
export function ownLatency({ first, counts, total, recent, age }: ChampionLatency): ChampionLatency {
  return { first, counts, total, recent: recent.slice(), age };
}

/** Longer lists of what is new are counted into the histogram. */
const MOST_RECENT = 256;
/** Less than this of a unit is forgotten. */
const TRACE = 0.0005;

/** Adds buckets to `memory`; the histogram itself is touched only now and then, see `isDue`. */
export function addLatencies(memory: ChampionLatency, buckets: readonly (readonly [number, number])[]): void {
  for (const entry of buckets) if (entry[1] > 0) memory.recent.push(entry[0], entry[1]);
}

/** True when enough came to look at the quantile again. */
export function isDue(memory: ChampionLatency): boolean {
  return memory.recent.length >= MOST_RECENT || (memory.age >= 1 && memory.recent.length > 0);
}

/** Counts what is new into the histogram: every old unit's weight falls to 1/e in DECAY_SECONDS. */
export function merge(memory: ChampionLatency): ChampionLatency {
  const kept = Math.exp(-memory.age / DECAY_SECONDS);
  let low = memory.counts.length > 0 ? memory.first : Infinity;
  let high = memory.first + memory.counts.length - 1;
  for (let i = 0; i < memory.recent.length; i += 2) {
    low = Math.min(low, memory.recent[i]!);
    high = Math.max(high, memory.recent[i]!);
  }
  if (low > high) return unknownLatency();
  const sums = new Float64Array(high - low + 1);
  for (let i = 0; i < memory.counts.length; i++) sums[memory.first - low + i] = memory.counts[i]! * kept;
  for (let i = 0; i < memory.recent.length; i += 2) sums[memory.recent[i]! - low]! += memory.recent[i + 1]!;
  return trimmed(low, sums);
}

function trimmed(low: number, sums: Float64Array): ChampionLatency {
  const counts: number[] = [];
  let first = low;
  let length = 0;
  let total = 0;
  for (let i = 0; i < sums.length; i++) {
    const count = sums[i]! < TRACE ? 0 : Math.round(sums[i]! * 1000) / 1000;
    if (count === 0 && length === 0) continue;
    if (length === 0) first = low + i;
    counts.push(count);
    total += count;
    if (count > 0) length = counts.length;
  }
  if (length === 0) return unknownLatency();
  counts.length = length;
  return { first, counts, total, recent: [], age: 0 };
}

/** The lowest bucket at whose upper edge at least `quantile` of the units are done; undefined without units. */
export function quantileBucket(memory: ChampionLatency, quantile: number): number | undefined {
  if (memory.total <= 0) return undefined;
  let below = 0;
  for (let i = 0; i < memory.counts.length; i++) {
    below += memory.counts[i]!;
    if (below >= quantile * memory.total * (1 - 1e-9)) return memory.first + i;
  }
  return memory.first + memory.counts.length - 1;
}

/** Units above a bucket's upper edge. */
export function above(memory: ChampionLatency, bucket: number): number {
  let sum = 0;
  for (let i = Math.max(0, bucket - memory.first + 1); i < memory.counts.length; i++)
    sum += memory.counts[i]!;
  return sum;
}

/** Upper edges of a backend's buckets: its own, or `latencyEdge()`. Beyond the last lies everything. */
export function edgeOf(edges: readonly number[] | undefined, bucket: number): number {
  if (!edges) return latencyEdge(bucket);
  return edges[bucket] ?? Infinity;
}
