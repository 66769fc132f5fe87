import type { ArmInterval, Cell, Interval } from "../../../../src/rollout/judge.ts";
import {
  createEProcessJudge,
  type EProcessState,
} from "../../../../src/rollout/statistics/e-process-judge.ts";
import type { RolloutMetric, RolloutPolicy } from "../../../../src/spec/project.ts";
import { judgedPolicy } from "../../../contract/judge.ts";

export { random } from "../random.ts";
export { ended, intervalOf } from "../../../contract/judge.ts";

export const ERRORS: RolloutMetric = { name: "errors", worseBy: 0.005 };
export const LATENCY: RolloutMetric = { name: "latency", quantile: 0.9, worseBy: 0.2, floor: 0 };
export const LABELS: RolloutMetric = { name: "accuracy", from: "labels", worseBy: 0.01, within: 0 };

export function policyOf(metrics: RolloutMetric[], changes: Partial<RolloutPolicy> = {}): RolloutPolicy {
  return { ...judgedPolicy, steps: [10], metrics, ...changes };
}

/** A null is rejected at 5 % here, which few runs can check; the judge's own thresholds are declared by the policy. */
export const ALPHA = 0.05;

/** True when the harm of a stream of intervals reached 1 / ALPHA at any look. */
export function rollsBack(policy: RolloutPolicy, intervals: Iterable<Interval>, maxLifeMs = 8000): boolean {
  const judge = createEProcessJudge({ maxLifeMs });
  const declared = { ...policy, falseRollbackRate: ALPHA };
  let state = judge.start(declared, 0);
  for (const interval of intervals) {
    state = judge.observe(state, interval, declared);
    if (judge.judge(state, declared, 0).verdict === "worse") return true;
  }
  return false;
}

/** The share of seeds 1 to `times` for which it is true. */
export function rateOver(times: number, isTrue: (seed: number) => boolean): number {
  let count = 0;
  for (let seed = 1; seed <= times; seed++) if (isTrue(seed)) count++;
  return count / times;
}

/** Final state of a stream. */
export function observed(policy: RolloutPolicy, intervals: Iterable<Interval>): EProcessState {
  const judge = createEProcessJudge();
  let state = judge.start(policy, 0);
  for (const interval of intervals) state = judge.observe(state, interval, policy);
  return state;
}

export function nothing(): ArmInterval {
  return { ended: 0, loss: 0, pending: 0, aborted: 0 };
}

/** Collects units by share at assignment. */
export class Cells {
  private readonly byShare = new Map<number, Cell>();

  arm(share: number, arm: "champion" | "challenger"): ArmInterval {
    let cell = this.byShare.get(share);
    if (!cell) this.byShare.set(share, (cell = { share, champion: nothing(), challenger: nothing() }));
    return cell[arm];
  }

  add(share: number, arm: "champion" | "challenger", loss: number): void {
    const counts = this.arm(share, arm);
    counts.ended++;
    counts.loss += loss;
  }

  list(): Cell[] {
    return [...this.byShare.values()];
  }
}
