import { latencyEdge } from "./outcomes.ts";
import type { LatencyHistogram, OutcomeCounter, OutcomeReport, ShadowCounter } from "./outcomes.ts";

/** Every metric that the platform emits about predictions; rules and boards are checked against this table. */
export const PREDICTION_METRICS = {
  slipway_predictions_started_total: { type: "counter", help: "Predictions assigned to a variant." },
  slipway_predictions_finished_total: {
    type: "counter",
    help: "Predictions answered, failed ones included.",
  },
  slipway_predictions_failed_total: {
    type: "counter",
    help: "Answered with an error after assignment, or timed out.",
  },
  slipway_predictions_aborted_total: { type: "counter", help: "Predictions whose caller went away first." },
  slipway_predictions_fell_back_total: {
    type: "counter",
    help: "Of the challenger's failed ones: answered by the champion instead.",
  },
  slipway_prediction_duration_seconds: { type: "histogram", help: "Time from assignment to answer." },
  slipway_shadow_compared_total: {
    type: "counter",
    help: "Requests that both the champion and the challenger, which got a copy, answered well.",
  },
  slipway_shadow_differed_total: { type: "counter", help: "Of the compared: with another prediction." },
  slipway_shadow_dropped_total: {
    type: "counter",
    help: "Copies not sent because too many were under way.",
  },
} as const;

/**
 * Upper bounds in milliseconds: powers of two, which are edges of the fine histogram too, so that summing its buckets
 * up is exact. A backend with other edges has each of its buckets in the first bound that isn't below its own.
 */
const BOUNDS_MS = Array.from({ length: 17 }, (_, power) => 2 ** (power - 1));

type Cell = Pick<OutcomeCounter, "service" | "version" | "arm"> & Counts & { latency: CoarseHistogram };
type Counts = Record<(typeof COUNTED)[number], number>;

const COUNTED = ["started", "finished", "failed", "aborted", "fellBack"] as const;
const COMPARED = ["compared", "differed", "dropped"] as const;

/** By `BOUNDS_MS`, the last count beyond all; the sum in milliseconds. */
interface CoarseHistogram {
  counts: number[];
  sum: number;
}

type Report = Pick<OutcomeReport, "counters" | "shadows" | "edges">;

/**
 * Outcomes in the Prometheus text format 0.0.4. Cells of one service, version and arm are added up over their
 * epochs, which belong to the rollout's test and would make a new series for every commit.
 */
export function exposition({ counters, shadows, edges }: Report): string {
  const cells = sumOverEpochs(counters, edges);
  const comparisons = sumShadows(shadows);
  const samples: Record<keyof typeof PREDICTION_METRICS, (name: string) => string[]> = {
    slipway_predictions_started_total: counted(cells, "started"),
    slipway_predictions_finished_total: counted(cells, "finished"),
    slipway_predictions_failed_total: counted(cells, "failed"),
    slipway_predictions_aborted_total: counted(cells, "aborted"),
    slipway_predictions_fell_back_total: counted(cells, "fellBack"),
    slipway_prediction_duration_seconds: (name) =>
      cells.flatMap((cell) => histogram(name, armLabels(cell), cell.latency)),
    slipway_shadow_compared_total: shadowed(comparisons, "compared"),
    slipway_shadow_differed_total: shadowed(comparisons, "differed"),
    slipway_shadow_dropped_total: shadowed(comparisons, "dropped"),
  };
  const lines = Object.entries(PREDICTION_METRICS).flatMap(([name, { type, help }]) => [
    `# HELP ${name} ${help}`,
    `# TYPE ${name} ${type}`,
    ...samples[name as keyof typeof samples](name),
  ]);
  return `${lines.join("\n")}\n`;
}

function counted(cells: readonly Cell[], what: keyof Counts): (name: string) => string[] {
  return (name) => cells.map((cell) => `${name}{${armLabels(cell)}} ${cell[what]}`);
}

function shadowed(
  comparisons: readonly ShadowCounter[],
  what: (typeof COMPARED)[number],
): (name: string) => string[] {
  return (name) => comparisons.map((own) => `${name}{${labels(own)}} ${own[what]}`);
}

function labels({ service, version }: { service: string; version: number }): string {
  return `service="${escaped(service)}",version="${version}"`;
}

function armLabels(cell: Cell): string {
  return `${labels(cell)},arm="${cell.arm}"`;
}

function histogram(name: string, own: string, { counts, sum }: CoarseHistogram): string[] {
  let below = 0;
  const lines = BOUNDS_MS.map((bound, i) => {
    below += counts[i] ?? 0;
    return `${name}_bucket{${own},le="${bound / 1_000}"} ${below}`;
  });
  const total = counts.reduce((all, count) => all + count, 0);
  return [
    ...lines,
    `${name}_bucket{${own},le="+Inf"} ${total}`,
    `${name}_sum{${own}} ${sum / 1_000}`,
    `${name}_count{${own}} ${total}`,
  ];
}

function sumOverEpochs(counters: readonly OutcomeCounter[], edges: readonly number[] | undefined): Cell[] {
  const sums = new Map<string, Cell>();
  for (const counter of counters) {
    const { service, version, arm } = counter;
    const key = `${version}/${arm}/${service}`;
    let sum = sums.get(key);
    if (sum === undefined) {
      const latency = { counts: Array.from({ length: BOUNDS_MS.length + 1 }, () => 0), sum: 0 };
      sum = { service, version, arm, started: 0, finished: 0, failed: 0, aborted: 0, fellBack: 0, latency };
      sums.set(key, sum);
    }
    for (const name of COUNTED) sum[name] += counter[name];
    addLatency(sum.latency, counter.latency, edges);
    if (counter.warmUp) addLatency(sum.latency, counter.warmUp, edges);
  }
  return [...sums.values()];
}

function addLatency(
  sum: CoarseHistogram,
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
    else for (const name of COMPARED) sum[name] += counter[name];
  }
  return [...sums.values()];
}

function escaped(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
