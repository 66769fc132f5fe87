import type { RolloutPolicy } from "../spec/project.ts";

/** Units of one arm for people: how many ended, and the sum of their losses, each in [0, 1]. */
export interface ArmCount {
  units: number;
  loss: number;
}

/** What became of one arm's units of one cell since the last look: differences of monotone counters. */
export interface ArmInterval {
  /** Ended with an answer or a failure. */
  ended: number;
  /** Sum of the losses of the ended, each in [0, 1]; of requests: how many failed. */
  loss: number;
  /** Assigned and not ended at the interval's end: a level, no difference. */
  pending: number;
  /** Left by their caller before they ended. */
  aborted: number;
  /** Of the ended, by latency: [bucket, count]. Absent where no latency is known. */
  latency?: [bucket: number, count: number][];
  /**
   * Of the lost: left by their caller while the champion was asked in the challenger's stead. `abortedLatency` holds how
   * long they had waited, `aborted` not them.
   */
  leftFailed?: number;
  /** Ended by the platform itself without an outcome (an emergency stop of copies): they count as what speaks least. */
  stopped?: number;
  /** Of the aborted and `leftFailed`, by the time they had waited. */
  abortedLatency?: [bucket: number, count: number][];
}

/** One interval's units that were assigned at one share. */
export interface Cell {
  /** Challenger's share at assignment. Only strictly between 0 and 1 is tested; others tell of the champion. */
  share: number;
  champion: ArmInterval;
  challenger: ArmInterval;
}

/** What came in since the last look. */
export interface Interval {
  /** Milliseconds since the epoch: when the counters were read. */
  at: number;
  /** Drawn units: requests, or callers where the service is sticky. Errors and latency read these. */
  requests: Cell[];
  /** Units whose label came (and is old enough, see LabelMetric.within), by metric name. */
  labels: Record<string, Cell[]>;
  /** Upper edges of the latency buckets in milliseconds; absent: `latencyEdge()`. */
  edges?: number[];
  /** True for what was counted before the rollout began: it tells of the champion, and what the guard compares with. */
  isBaseline?: boolean;
  /**
   * True when counting began anew (serve was killed, say): how the units ended that were under way at the interval before,
   * nobody will tell. They count as what speaks least, since to leave them out would leave out what takes long.
   */
  isBegunAnew?: boolean;
  /** No unit is under way for longer; what is shorter than at the start changes nothing. */
  maxLifeMs?: number;
}

export type MetricVerdict = "within-margin" | "worse" | "undecided";

export interface MetricEvidence {
  metric: string;
  kind: "errors" | "latency" | "labels";
  verdict: MetricVerdict;
  /** Of latency the loss is the number of slow ones. */
  champion: ArmCount;
  challenger: ArmCount;
  /** Wealth (e-value) against "within its margin". */
  harm: number;
  /** Wealth against "worse by the margin or more"; within at 1 / falsePromotionRate. */
  safety: number;
  /** Wealth against the harm that must be rejected before the next step (the last step: `safety`). */
  advance: number;
  /** Of latency: milliseconds above which a unit of each arm is slow. */
  slowAbove?: { champion: number; challenger: number };
  /** Units that were left by their callers, if any. */
  aborted?: { champion: number; challenger: number };
  /** Why a metric can't be decided although data come: `aborts-differ`, `labels-differ`, `champion-unknown`. */
  blockedBy?: "aborts-differ" | "labels-differ" | "champion-unknown";
}

/** What `worse` is blamed on where callers leave the challenger's requests; no metric then has the verdict "worse". */
export const LEFT = "left";

export interface Judgement {
  verdict: MetricVerdict;
  /** Metric that `worse` is blamed on, or LEFT; null otherwise, and where the guard fired. */
  blamed: string | null;
  /** True when enough is known to give the challenger the next step's share. */
  advance: boolean;
  /** Combined wealth against "every metric within its margin"; worse at `harmThreshold`. */
  harm: number;
  harmThreshold: number;
  safetyThreshold: number;
  metrics: MetricEvidence[];
  /**
   * Callers who left before the answer, of the drawn units: a harm of its own beside the metrics' where they leave the
   * challenger more than 1.25 times as often. `loss`: how many of the units were left; `harm`: wealth against "they
   * don't". Absent where nobody left.
   */
  left?: { champion: ArmCount; challenger: ArmCount; harm: number };
  /**
   * Metrics that nothing was known of when this rollout went on from an earlier trial by other rules. Absent: none.
   */
  beganAnew?: string[];
  /** What the absolute guard saw when it fired; outside the declared rates. */
  guard: GuardFinding | null;
  /** One sentence for a person. */
  sentence: string;
}

/** Both arms together against the time before the rollout. */
export interface GuardFinding {
  what: "errors" | "latency";
  /** Error rate as a fraction, or the 95th percentile in milliseconds. */
  before: number;
  now: number;
  /** The value above which it fires. */
  limit: number;
  units: number;
}

/** A sequential, always-valid test. Pure: the state is JSON, stored after every look, continued after a restart. */
export interface Judge<State> {
  /** `maxLifeMs`: no unit is under way for longer (`serving.timeout` and what it takes to count it); shorter is faster. */
  start(policy: RolloutPolicy, at: number, of?: { maxLifeMs?: number }): State;
  observe(state: State, interval: Interval, policy: RolloutPolicy): State;
  judge(state: State, policy: RolloutPolicy, step: number): Judgement;
}
