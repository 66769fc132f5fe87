import type { RolloutPolicy } from "../../spec/project.ts";
import { type Judgement, LEFT, type MetricEvidence } from "../judge.ts";
import type { EProcessState } from "./e-process-state.ts";
import { leftHarm, type LeftTest } from "./left-test.ts";
import { MARGINS, type MetricState } from "./metric-state.ts";
import { describeCounts, type DescribedMetric, describeLeft } from "./sentence.ts";
import { eValue, type Wealth, withoutHeld } from "./wealth.ts";

/** Of the wealth against harm: the rest is the metrics', in equal parts, which costs them ln(1 / 0.9) of log-wealth. */
const LEFT_PART = 0.1;

/** What a metric's harm is multiplied by in the sum that reaches 1 / falseRollbackRate. */
export function metricPart(metrics: number): number {
  return (1 - LEFT_PART) / metrics;
}

/**
 * Rollback: the weighted mean of the e-values, sum of pi_j E_j with pi_j = 0.9 / metrics and 0.1 for callers who leave
 * the challenger more often, reaches 1 / falseRollbackRate; by Ville's inequality that happens with at most that
 * probability while every metric is within its margin and callers don't, over all looks, steps and metrics, however they
 * depend on each other. The largest term is blamed.
 * Promotion: every metric on its own rejects "worse by the margin or more" at falsePromotionRate: an intersection-union
 * test, so a version that is worse in any metric is promoted with at most that probability. Next step: every
 * metric rejects harm of K margins at that rate. The absolute guard ends it outside both rates.
 */
export function judgeState(state: EProcessState, policy: RolloutPolicy, step: number): Judgement {
  const harmThreshold = 1 / policy.falseRollbackRate;
  const safetyThreshold = 1 / policy.falsePromotionRate;
  const level = marginsLevel(policy, step);
  const metrics = Object.entries(state.metrics).map(([name, metric]) =>
    evidenceOf(name, metric, level, safetyThreshold, state.aborts.differ),
  );
  const left = leftEvidence(state.left);
  const harm = combinedHarm(
    metrics.map((metric) => metric.harm),
    left.harm,
  );
  const { finding } = state.guard;
  const isHarmful = harm >= harmThreshold;
  const worst = worstOf(metrics);
  const isLeft = worst === undefined || LEFT_PART * left.harm > metricPart(metrics.length) * worst.harm;
  const blamed = isHarmful && !isLeft ? worst : undefined;
  if (blamed) blamed.verdict = "worse";
  const isWorse = isHarmful || finding !== null;
  const isWithin = metrics.length > 0 && metrics.every(({ verdict }) => verdict === "within-margin");
  const isKnown = metrics.length > 0 && metrics.every(({ advance }) => advance >= safetyThreshold);
  return {
    verdict: isWorse ? "worse" : isWithin ? "within-margin" : "undecided",
    blamed: isHarmful && isLeft ? LEFT : (blamed?.metric ?? null),
    advance: !isWorse && isKnown,
    harm,
    harmThreshold,
    safetyThreshold,
    metrics,
    ...(left.champion.loss + left.challenger.loss > 0 ? { left } : {}),
    ...(state.beganAnew ? { beganAnew: state.beganAnew } : {}),
    guard: finding,
    sentence:
      isHarmful && isLeft
        ? describeLeft(left, "the challenger", "the champion")
        : (blamed ? [blamed] : metrics)
            .map((metric) => describeCounts(named(metric), "the challenger", "the champion"))
            .join("; "),
  };
}

function worstOf(metrics: readonly MetricEvidence[]): MetricEvidence | undefined {
  return metrics.length === 0 ? undefined : metrics.reduce((a, b) => (b.harm > a.harm ? b : a));
}

function leftEvidence(left: LeftTest): NonNullable<Judgement["left"]> {
  return { champion: left.champion, challenger: left.challenger, harm: leftHarm(left) };
}

function named({ metric, kind, champion, challenger }: MetricEvidence): DescribedMetric {
  return { name: metric, kind, champion, challenger };
}

/**
 * False only where the verdict is "undecided, no next step", whatever the step. For whoever looks after every unit: it
 * makes no evidence and no sentence, and works out what is held back only where that could matter.
 */
export function mayDecide(state: EProcessState, policy: RolloutPolicy): boolean {
  if (state.guard.finding !== null) return true;
  const enough = 1 / policy.falsePromotionRate;
  let areAllSafe = true;
  let most = 0;
  let count = 0;
  for (const name in state.metrics) {
    const { tests, arrival } = state.metrics[name]!;
    const isSilent = arrival?.differ === true;
    const harm = withoutHeld(tests[0]!);
    most += isSilent ? Math.min(1, harm) : harm;
    count++;
    areAllSafe &&= (!isSilent || enough <= 1) && tests.some((wealth, i) => i > 0 && reaches(wealth, enough));
  }
  if (areAllSafe && count > 0) return true;
  const threshold = 1 / policy.falseRollbackRate;
  const left = leftHarm(state.left);
  const metrics = count === 0 ? 0 : metricPart(count) * most;
  if (metrics + LEFT_PART * left < threshold * NEARLY) return false;
  const harms = Object.values(state.metrics).map((metric) => wealthOf(metric)[0]!);
  return combinedHarm(harms, left) >= threshold;
}

/** Sums in another order differ by less. */
const NEARLY = 1 - 1e-9;

function reaches(wealth: Wealth, limit: number): boolean {
  return withoutHeld(wealth) >= limit && eValue(wealth) >= limit;
}

/**
 * Weighted mean of the metrics' e-values against "within its margin" and of that of callers who leave: an e-value against
 * "all are, and they don't leave it more often".
 */
export function combinedHarm(harms: readonly number[], left: number): number {
  return harms.reduce((sum, harm) => sum + harm * metricPart(harms.length), LEFT_PART * left);
}

/** Which of MARGINS must be rejected to leave this step; 0, the margin itself, is promotion. */
export function marginsLevel(policy: RolloutPolicy, step: number): number {
  return Math.min(MARGINS.length - 1, Math.max(0, policy.steps.length - 1 - step));
}

/**
 * The wealth of a metric's tests, as far as they may speak. When labels come more often for one arm, those that came are
 * a selection, and no e-value of theirs means anything: each is capped at 1, which is an e-value whatever the
 * truth, so the metric adds no evidence to either side and the other metrics' rates hold as before.
 */
export function wealthOf(metric: MetricState): number[] {
  const values = metric.tests.map(eValue);
  return metric.arrival?.differ ? values.map((value) => Math.min(1, value)) : values;
}

function evidenceOf(
  name: string,
  metric: MetricState,
  level: number,
  safetyThreshold: number,
  abortsDiffer: boolean,
): MetricEvidence {
  const [harm = 0, ...beyond] = wealthOf(metric);
  const safety = beyond[0] ?? 0;
  const { aborted } = metric;
  const blockedBy = blockerOf(metric, abortsDiffer);
  return {
    metric: name,
    kind: metric.kind,
    verdict: safety >= safetyThreshold ? "within-margin" : "undecided",
    champion: metric.champion,
    challenger: metric.challenger,
    harm,
    safety,
    advance: beyond[level] ?? 0,
    ...(metric.bets?.slow ? { slowAbove: metric.bets.slow.milliseconds } : {}),
    ...(aborted.champion + aborted.challenger > 0 ? { aborted } : {}),
    ...(blockedBy ? { blockedBy } : {}),
  };
}

function blockerOf(metric: MetricState, abortsDiffer: boolean): MetricEvidence["blockedBy"] {
  if (metric.arrival?.differ) return "labels-differ";
  if (metric.kind !== "labels" && abortsDiffer) return "aborts-differ";
  return metric.bets === null ? "champion-unknown" : undefined;
}
