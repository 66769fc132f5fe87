import type { RolloutPolicy } from "../spec/project.ts";
import type { Judgement, MetricEvidence } from "./judge.ts";

type StoredMetric = Omit<MetricEvidence, "kind" | "advance"> &
  Partial<Pick<MetricEvidence, "kind" | "advance">>;

/** A judgement as some earlier version may have stored it: of metrics each for itself, without their combination. */
export type StoredJudgement = Pick<Judgement, "verdict" | "advance" | "sentence"> &
  Partial<Omit<Judgement, "metrics">> & { metrics: StoredMetric[] };

/** Fills in what judgements didn't say when this one was stored; the next look makes a whole one. */
export function completeJudgement(
  stored: StoredJudgement,
  { falseRollbackRate, falsePromotionRate }: RolloutPolicy,
): Judgement {
  const metrics = stored.metrics.map(completeMetric);
  const isWorse = (metric: MetricEvidence): boolean => metric.verdict === "worse";
  return {
    ...stored,
    blamed: stored.blamed ?? (stored.verdict === "worse" ? (metrics.find(isWorse)?.metric ?? null) : null),
    // JSON has written what is infinite as null.
    harm: stored.harm === undefined ? meanHarm(metrics) : stored.harm,
    harmThreshold: stored.harmThreshold ?? 1 / falseRollbackRate,
    safetyThreshold: stored.safetyThreshold ?? 1 / falsePromotionRate,
    metrics,
    guard: stored.guard ?? null,
  };
}

function completeMetric(metric: StoredMetric): MetricEvidence {
  const { kind = kindOf(metric.metric), advance = metric.safety } = metric;
  return { ...metric, kind, advance };
}

/** Metrics were told apart by their names only. */
function kindOf(name: string): MetricEvidence["kind"] {
  return name === "errors" || name === "latency" ? name : "labels";
}

/** As the judge combines them. */
function meanHarm(metrics: readonly MetricEvidence[]): number {
  if (metrics.length === 0) return 1;
  return metrics.reduce((sum, { harm }) => sum + (harm ?? Infinity), 0) / metrics.length;
}
