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

export const unknownLatency: ChampionLatency = { first: 0, counts: [], total: 0, recent: [], age: 0 };

/** Longer lists of what is new are counted into the histogram. */
const MOST_RECENT = 256;
/** Less than this of a unit is forgotten. */
const TRACE = 0.0005;

/** Adds an interval's buckets; the histogram itself is touched only now and then, see `isDue`. */
export function addLatencies(
  memory: ChampionLatency,
  seconds: number,
  buckets: readonly (readonly [number, number])[],
): ChampionLatency {
  if (buckets.length === 0) return seconds > 0 ? aged(memory, memory.recent, seconds) : memory;
  const recent = memory.recent.slice();
  for (const [bucket, count] of buckets) if (count > 0) recent.push(bucket, count);
  return aged(memory, recent, seconds);
}

function aged(
  { first, counts, total, age }: ChampionLatency,
  recent: number[],
  seconds: number,
): ChampionLatency {
  return { first, counts, total, recent, age: age + seconds };
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
  if (low > high) return { ...unknownLatency };
  const counts = Array.from<number>({ length: high - low + 1 }).fill(0);
  memory.counts.forEach((count, i) => (counts[memory.first - low + i] = count * kept));
  for (let i = 0; i < memory.recent.length; i += 2) counts[memory.recent[i]! - low]! += memory.recent[i + 1]!;
  return trimmed(low, counts);
}

function trimmed(low: number, raw: readonly number[]): ChampionLatency {
  const counts = raw.map((count) => (count < TRACE ? 0 : Math.round(count * 1000) / 1000));
  const first = counts.findIndex((count) => count > 0);
  if (first < 0) return { ...unknownLatency };
  const last = counts.findLastIndex((count) => count > 0);
  const kept = counts.slice(first, last + 1);
  return {
    first: low + first,
    counts: kept,
    total: kept.reduce((sum, count) => sum + count, 0),
    recent: [],
    age: 0,
  };
}

/** The lowest bucket at whose upper edge at least `quantile` of the units are done; undefined without units. */
export function quantileBucket(memory: ChampionLatency, quantile: number): number | undefined {
  if (memory.total <= 0) return undefined;
  let below = 0;
  for (const [i, count] of memory.counts.entries()) {
    below += count;
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
