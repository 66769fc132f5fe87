import type { Exposition } from "../monitoring/exposition.ts";
import type { HistogramCounts } from "../monitoring/power-histogram.ts";
import { latencyEdge } from "./outcomes.ts";
import type { LatencyHistogram, OutcomeCounter, OutcomeReport, ShadowCounter } from "./outcomes.ts";

/**
 * Upper bounds in milliseconds: powers of two, which are edges of the fine histogram too, so that summing its buckets
 * up is exact. A backend with other edges has each of its buckets in the first bound that isn't below its own.
 */
const BOUNDS_MS = Array.from({ length: 17 }, (_, power) => 2 ** (power - 1));
const BOUNDS_SECONDS = BOUNDS_MS.map((bound) => bound / 1_000);

const COUNTED = {
  started: "slipway_predictions_started_total",
  finished: "slipway_predictions_finished_total",
  failed: "slipway_predictions_failed_total",
  aborted: "slipway_predictions_aborted_total",
  fellBack: "slipway_predictions_fell_back_total",
} as const;
const COMPARED = {
  compared: "slipway_shadow_compared_total",
  differed: "slipway_shadow_differed_total",
  dropped: "slipway_shadow_dropped_total",
} as const;
const COUNTS = Object.keys(COUNTED) as (keyof typeof COUNTED)[];
const COMPARISONS = Object.keys(COMPARED) as (keyof typeof COMPARED)[];

type Cell = Pick<OutcomeCounter, "service" | "version" | "arm"> &
  Record<keyof typeof COUNTED, number> & {
    /** Bounds and sum in milliseconds. */
    latency: HistogramCounts;
  };

/**
 * Outcomes as metrics. Cells of one service, version and arm are added up over their epochs, which belong to the
 * rollout's test and would make a new series for every commit.
 */
export function addOutcomes(
  page: Exposition,
  { counters, shadows, edges }: Pick<OutcomeReport, "counters" | "shadows" | "edges">,
): void {
  for (const cell of sumOverEpochs(counters, edges)) {
    const { service, version, arm, latency } = cell;
    for (const what of COUNTS) page.add(COUNTED[what], { service, version, arm }, cell[what]);
    page.addHistogram(
      "slipway_prediction_duration_seconds",
      { service, version, arm },
      { bounds: BOUNDS_SECONDS, counts: latency.counts, sum: latency.sum / 1_000 },
    );
  }
  for (const own of sumShadows(shadows)) {
    const { service, version } = own;
    for (const what of COMPARISONS) page.add(COMPARED[what], { service, version }, own[what]);
  }
}

function sumOverEpochs(counters: readonly OutcomeCounter[], edges: readonly number[] | undefined): Cell[] {
  const sums = new Map<string, Cell>();
  for (const counter of counters) {
    const { service, version, arm } = counter;
    const key = `${version}/${arm}/${service}`;
    let sum = sums.get(key);
    if (sum === undefined) {
      const counts = Array.from({ length: BOUNDS_MS.length + 1 }, () => 0);
      const latency = { bounds: BOUNDS_MS, counts, sum: 0 };
      sum = { service, version, arm, started: 0, finished: 0, failed: 0, aborted: 0, fellBack: 0, latency };
      sums.set(key, sum);
    }
    for (const what of COUNTS) sum[what] += counter[what];
    addLatency(sum.latency, counter.latency, edges);
    if (counter.warmUp) addLatency(sum.latency, counter.warmUp, edges);
  }
  return [...sums.values()];
}

function addLatency(
  sum: HistogramCounts,
  fine: LatencyHistogram,
  edges: readonly number[] | undefined,
): void {
  for (const [bucket, count] of fine.counts) {
    const edge = edges === undefined ? latencyEdge(bucket) : (edges[bucket] ?? Infinity);
    const found = BOUNDS_MS.findIndex((bound) => edge <= bound);
    const index = found === -1 ? BOUNDS_MS.length : found;
    sum.counts[index] = (sum.counts[index] ?? 0) + count;
  }
  sum.sum += fine.sum;
}

function sumShadows(shadows: readonly ShadowCounter[]): ShadowCounter[] {
  const sums = new Map<string, ShadowCounter>();
  for (const counter of shadows) {
    const key = `${counter.version}/${counter.service}`;
    const sum = sums.get(key);
    if (sum === undefined) sums.set(key, { ...counter });
    else for (const what of COMPARISONS) sum[what] += counter[what];
  }
  return [...sums.values()];
}
