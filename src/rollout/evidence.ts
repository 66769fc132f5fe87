import type { RolloutKind } from "../spec/project.ts";
import type { ArmCount, GuardFinding, Judgement, MetricEvidence } from "./judge.ts";
import type { RolloutState } from "./state.ts";

/** All that is known of a rollout, for the page, `slipway rollout show` and whoever asks the API. Times are milliseconds since the epoch. */
export interface RolloutEvidence {
  service: string;
  /** At which it was put together. */
  at: number;
  rollout: {
    id: string;
    kind: RolloutKind;
    version: number;
    /** That it is compared with. */
    champion: number | null;
    state: RolloutState;
    reason: string | null;
    sentence: string | null;
    requestedBy: string;
    /** True while copies only are sent. */
    isShadow: boolean;
    step: number;
    /** Per cent, of the policy. */
    steps: number[];
    /** Per cent of new units that the challenger gets now. */
    share: number;
    createdAt: number;
    progressingAt: number | null;
    deadlineAt: number | null;
    /** When the copies end, or the watch after a switch, if nothing happens before; null where no time is set, and while held. */
    phaseEndsAt: number | null;
    endedAt: number | null;
    /** Evidence of an earlier trial of the same model that this one went on from. */
    continues: string | null;
  };
  /** False for a switch without copies before it: all requests go to one version, and there is none to compare it with. */
  compares: boolean;
  verdict: Judgement["verdict"];
  /** "version 3 failed 72 of 310 requests, version 2 2 of 2,890: taken out after 4.1 s, 31 bad answers". */
  sentence: string;
  /** Bad answers (failed and not covered by a fall-back, or wrong by their label) that the challenger gave to callers. */
  badAnswers: number;
  harm: number;
  harmThreshold: number;
  safetyThreshold: number;
  falseRollbackRate: number;
  falsePromotionRate: number;
  guard: GuardFinding | null;
  metrics: (MetricEvidence & {
    /** "0.5pp", "20%, ≥5 ms". */
    margin: string;
    championRate: Estimate;
    challengerRate: Estimate;
  })[];
  /** Callers who left before the answer, if any: a harm of its own beside the metrics'. */
  left?: { champion: ArmCount; challenger: ArmCount; harm: number };
  /** 50th, 95th and 99th percentile in milliseconds; null without units. */
  latency: { champion: Percentiles | null; challenger: Percentiles | null };
  /** Wealth over time, oldest first, thinned to at most 400 points. */
  history: EvidencePoint[];
  /** What would change the verdict, one sentence each: "9 more failed requests of version 3 with none of version 2 take it out". */
  change: string[];
  /** What comes next, and how long until a decision at this traffic; empty when it is decided. */
  outlook: string[];
  /** What a person should know before trusting the figures, one sentence each. */
  notes: string[];
  shadow: {
    compared: number;
    differed: number;
    dropped: number;
    examples: {
      requestId: string;
      at: number;
      champion: (string | number)[];
      challenger: (string | number)[];
    }[];
  } | null;
  /** What a person may do now. */
  actions: { do: "promote" | "rollback" | "hold" | "resume" | "approve"; allowed: boolean; why: string }[];
}

/** A rate with its 95 % interval (Wilson), for people; the test doesn't use it. Null without units. */
export type Estimate = { rate: number; low: number; high: number } | null;

export type Percentiles = { p50: number; p95: number; p99: number };

export interface EvidencePoint {
  at: number;
  /** Per cent to the challenger. */
  share: number;
  harm: number;
  metrics: Record<string, { harm: number; safety: number; champion: ArmCount; challenger: ArmCount }>;
  /** 95th percentile in milliseconds since the point before. */
  p95: { champion: number | null; challenger: number | null };
}
