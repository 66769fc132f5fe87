import type { RolloutPolicy } from "../spec/project.ts";

/** Units that ended in an interval, of one arm: how many, and the sum of their losses, each in [0, 1]. */
export interface ArmCount {
  units: number;
  loss: number;
  /** Units assigned that haven't ended at the interval's end, if known: counted as those that speak least. */
  pending?: number;
}

/** One interval's units that were assigned at one share. */
export interface Cell {
  /** Challenger's share at assignment. Only strictly between 0 and 1 is tested; others tell the champion's rate. */
  share: number;
  champion: ArmCount;
  challenger: ArmCount;
}

/** What came in since the last look, per metric name. */
export interface Interval {
  /** Milliseconds since the epoch: the end of the interval. */
  at: number;
  cells: Record<string, Cell[]>;
}

export type MetricVerdict = "within-margin" | "worse" | "undecided";

export interface MetricEvidence {
  metric: string;
  verdict: MetricVerdict;
  champion: ArmCount;
  challenger: ArmCount;
  /** Wealth (e-value) against "within its margin"; worse at 1 / falseRollbackRate over all metrics. */
  harm: number;
  /** Wealth against "worse by the margin or more"; within at 1 / falsePromotionRate. */
  safety: number;
}

export interface Judgement {
  verdict: MetricVerdict;
  /** True when enough is known to give the challenger the next step's share. */
  advance: boolean;
  metrics: MetricEvidence[];
  /** One sentence for a person. */
  sentence: string;
}

/** A sequential, always-valid test. Pure: the state is JSON, stored after every look, continued after a restart. */
export interface Judge<State> {
  start(policy: RolloutPolicy, at: number): State;
  observe(state: State, interval: Interval): State;
  judge(state: State, policy: RolloutPolicy, step: number): Judgement;
}
