import type { OutcomeCounter } from "./outcomes.ts";

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
  slipway_prediction_duration_seconds: { type: "histogram", help: "Time from assignment to answer." },
} as const;

type Cell = Pick<
  OutcomeCounter,
  "service" | "version" | "arm" | "started" | "finished" | "failed" | "aborted" | "latency"
>;

/**
 * Outcomes in the Prometheus text format 0.0.4. Cells of one service, version and arm are added up over their
 * epochs, which belong to the rollout's test and would make a new series for every commit.
 */
export function exposition(counters: readonly OutcomeCounter[]): string {
  const cells = [...sumOverEpochs(counters).values()];
  const lines: string[] = [];
  for (const [name, { type, help }] of Object.entries(PREDICTION_METRICS)) {
    lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
    for (const cell of cells) {
      const labels = `service="${escaped(cell.service)}",version="${cell.version}",arm="${cell.arm}"`;
      if (type === "histogram") lines.push(...histogram(name, labels, cell.latency));
      else lines.push(`${name}{${labels}} ${counterOf(name, cell)}`);
    }
  }
  return `${lines.join("\n")}\n`;
}

function counterOf(name: string, cell: Cell): number {
  if (name.includes("_started_")) return cell.started;
  if (name.includes("_finished_")) return cell.finished;
  return name.includes("_failed_") ? cell.failed : cell.aborted;
}

function histogram(name: string, labels: string, { le, counts, sum }: OutcomeCounter["latency"]): string[] {
  let below = 0;
  const lines = le.map((bound, i) => {
    below += counts[i] ?? 0;
    return `${name}_bucket{${labels},le="${bound}"} ${below}`;
  });
  const total = counts.reduce((all, count) => all + count, 0);
  return [
    ...lines,
    `${name}_bucket{${labels},le="+Inf"} ${total}`,
    `${name}_sum{${labels}} ${sum}`,
    `${name}_count{${labels}} ${total}`,
  ];
}

function sumOverEpochs(counters: readonly OutcomeCounter[]): Map<string, Cell> {
  const sums = new Map<string, Cell>();
  for (const counter of counters) {
    const key = `${counter.service}/${counter.version}/${counter.arm}`;
    const sum = sums.get(key);
    if (!sum) {
      sums.set(key, { ...counter, latency: { ...counter.latency, counts: [...counter.latency.counts] } });
      continue;
    }
    for (const name of ["started", "finished", "failed", "aborted"] as const) sum[name] += counter[name];
    counter.latency.counts.forEach(
      (count, i) => (sum.latency.counts[i] = (sum.latency.counts[i] ?? 0) + count),
    );
    sum.latency.sum += counter.latency.sum;
  }
  return sums;
}

function escaped(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
