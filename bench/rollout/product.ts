import type { Judge } from "../../src/rollout/judge.ts";
import { createEProcessJudge, type EProcessState } from "../../src/rollout/statistics/e-process-judge.ts";
import { combinedHarm, wealthOf } from "../../src/rollout/statistics/verdict.ts";
import type { RolloutPolicy } from "../../src/spec/project.ts";

/** A judge, and a way to pass over looks at which it has nothing to say. */
export interface JudgeInUse<State> {
  judge: Judge<State>;
  /** False only where the judge's answer would be "undecided, no next step". Absent: ask it always. */
  mayDecide?: (state: State, policy: RolloutPolicy) => boolean;
}

/** The product's judge. */
export function productJudge(): JudgeInUse<EProcessState> {
  return { judge: createEProcessJudge(), mayDecide };
}

/**
 * Whether the wealth reaches any of the judge's thresholds, by the judge's own functions: a judgement with its sentences
 * costs as much as the look itself, and millions of looks decide nothing.
 */
export function mayDecide(state: EProcessState, policy: RolloutPolicy): boolean {
  const metrics = Object.values(state.metrics).map(wealthOf);
  if (state.guard.finding !== null) return true;
  if (combinedHarm(metrics.map(([harm = 0]) => harm)) >= 1 / policy.falseRollbackRate) return true;
  const enough = 1 / policy.falsePromotionRate;
  return metrics.every(([, ...beyond]) => beyond.some((wealth) => wealth >= enough));
}
