import type {
  ErrorMetric,
  LabelMetric,
  LatencyMetric,
  RolloutMetric,
  RolloutPolicy,
} from "../../src/spec/project.ts";

export const ERRORS: ErrorMetric = { name: "errors", worseBy: 0.005 };
export const LATENCY: LatencyMetric = { name: "latency", quantile: 0.95, worseBy: 0.2, floor: 0 };
export const LABELS: LabelMetric = { name: "accuracy", from: "labels", worseBy: 0.01, within: 0 };
export const ALL: RolloutMetric[] = [ERRORS, LATENCY, LABELS];

/** Seconds: the deadline of every simulated rollout. */
export const DEADLINE = 7200;
/** Seconds of champion-only requests that the judge has seen before a rollout begins, as in the product. */
export const BASELINE = 300;

/** Declared rates 1 % and 5 %. No absolute guard: it lies outside the declared rates. */
export function policy(metrics: RolloutMetric[], steps = [5, 25, 50]): RolloutPolicy {
  return {
    kind: "canary",
    shadow: null,
    fallback: false,
    watch: 600_000,
    guard: null,
    steps,
    falseRollbackRate: 0.01,
    falsePromotionRate: 0.05,
    metrics,
    deadline: DEADLINE * 1000,
    onNotEnoughData: "hold",
    approval: "none",
    onAliasSet: "rollout",
  };
}
