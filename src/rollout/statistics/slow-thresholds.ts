import { LATENCY_BUCKETS } from "../../serving/outcomes.ts";
import { edgeOf } from "./champion-latency.ts";

/** Buckets above whose upper edge a unit is slow, per arm; the challenger's for each test of the metric. */
export interface SlowThresholds {
  champion: number;
  /** Against harm, then against harm of each of the multiples of the margin. */
  challenger: number[];
  /** The same in milliseconds, for people: tau, and the challenger's of the first test. */
  milliseconds: { champion: number; challenger: number };
}

/** Edges that lie this near to the value count as equal to it. */
const NEARLY = 1e-9;

/**
 * With tau the upper edge of bucket `tau`: a challenger's unit is slow above max((1 + m) tau, tau + floor). That
 * value seldom is an edge. Against harm the next edge above is taken (fewer of its units are slow, so it is taken
 * out later), against "worse by K margins" the next edge below max((1 + K m) tau, tau + K floor) (more are slow, so
 * it is promoted later): both err on the side on which the declared rates hold.
 */
export function slowThresholds(
  tau: number,
  relative: number,
  floor: number,
  multiples: readonly number[],
  edges?: readonly number[],
): SlowThresholds {
  const base = edgeOf(edges, tau);
  const limit = (times: number): number => Math.max((1 + times * relative) * base, base + times * floor);
  const harm = firstAtLeast(limit(1), edges);
  return {
    champion: tau,
    challenger: [harm, ...multiples.map((times) => Math.max(tau, lastAtMost(limit(times), edges)))],
    milliseconds: { champion: base, challenger: Math.min(edgeOf(edges, harm), Number.MAX_VALUE) },
  };
}

function firstAtLeast(value: number, edges?: readonly number[]): number {
  const count = edges?.length ?? LATENCY_BUCKETS;
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (edgeOf(edges, middle) >= value * (1 - NEARLY)) high = middle;
    else low = middle + 1;
  }
  return low;
}

function lastAtMost(value: number, edges?: readonly number[]): number {
  const next = firstAtLeast(value, edges);
  const count = edges?.length ?? LATENCY_BUCKETS;
  return next < count && edgeOf(edges, next) <= value * (1 + NEARLY) ? next : next - 1;
}

/** Units of a histogram above a threshold. */
export function slowUnits(buckets: readonly (readonly [number, number])[], threshold: number): number {
  let sum = 0;
  for (const entry of buckets) if (entry[0] > threshold) sum += entry[1];
  return sum;
}
