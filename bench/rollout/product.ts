import type { Judge } from "../../src/rollout/judge.ts";
import { createEProcessJudge, type EProcessState } from "../../src/rollout/statistics/e-process-judge.ts";
import { mayDecide } from "../../src/rollout/statistics/verdict.ts";
import type { RolloutPolicy } from "../../src/spec/project.ts";

/** A judge, and a way to pass over looks at which it has nothing to say. */
export interface JudgeInUse<State> {
  judge: Judge<State>;
  /** False only where the judge's answer would be "undecided, no next step". Absent: ask it always. */
  mayDecide?: (state: State, policy: RolloutPolicy) => boolean;
}

/** The product's judge. A simulated rollout looks back at no earlier state, so the judge needn't copy it. */
export function productJudge(): JudgeInUse<EProcessState> {
  return { judge: createEProcessJudge({ usesUpStates: true }), mayDecide };
}
