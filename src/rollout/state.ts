import type { ServiceState } from "../git/environment.ts";
import type { RolloutKind, RolloutPolicy, ServingSpec } from "../spec/project.ts";
import type { Judgement } from "./judge.ts";
import type { RolloutRequest } from "./request.ts";

export type RolloutState =
  | "pending"
  | "checking"
  | "progressing"
  | "held"
  | "promoted"
  | "rolledback"
  | "superseded";

/** Why a rollout is held. */
export type HeldReason = "not-enough-data" | "by-hand" | "needs-approval" | "repository-diverged";

export type { RolloutKind } from "../spec/project.ts";

/**
 * What a challenger on trial gets: copies of requests, its steps' shares, or everything while the champion stays ready.
 */
export type RolloutPhase = "shadow" | "steps" | "switched";

/** What a person asked of a running rollout; acted on at the next pass. */
interface Wish {
  do: "promote" | "rollback";
  by: string;
  reason: string;
}

/** One rollout as the database keeps it. */
export interface Rollout {
  id: string;
  key: string;
  service: string;
  version: number;
  kind: RolloutKind;
  state: RolloutState;
  /** Of a held one: HeldReason; of an ended one: why, for a person. */
  reason: string | null;
  /** What happened, with numbers, for a person. */
  sentence: string | null;
  /** Null before the trial. */
  phase: RolloutPhase | null;
  /** When the phase began; moved along when the machine's clock jumps. */
  phaseAt: number | null;
  /** Index into the policy's steps. */
  step: number;
  request: RolloutRequest;
  /** Champion when the canary began. */
  champion: number | null;
  /** Where `held` came from and resume goes back to. */
  heldFrom: RolloutState | null;
  wish: Wish | null;
  approvedBy: string | null;
  judgement: Judgement | null;
  /** Looks taken so far: a look is saved only on top of the one it started from. */
  look: number;
  /** Earlier rollout of the same model that this one's evidence went on from. */
  continues: string | null;
  createdAt: number;
  progressingAt: number | null;
  deadlineAt: number | null;
  endedAt: number | null;
}

/** One service as last projected from the environment repository. */
export interface Service {
  name: string;
  tenant: string;
  project: string;
  champion: number | null;
  challenger: number | null;
  weight: number;
  /** Per cent of requests of which the challenger gets a copy. */
  shadow: number | null;
  /** The champion before this one; one that was gone back from isn't offered again. */
  previousChampion: number | null;
  /** Commit that last changed the service, and its order; null before the first. */
  commit: string | null;
  order: number;
  /** Commit whose champion and challenger the registry's aliases show. */
  aliasedCommit: string | null;
  serving: ServingSpec | null;
  policy: RolloutPolicy | null;
  /** Emergency stop in force until a commit without this challenger is projected. */
  stop: EmergencyStop | null;
  /** What the controller is stuck at, for a person. */
  problem: string | null;
}

export interface EmergencyStop {
  version: number;
  rolloutId: string;
  at: number;
  sentence: string;
}

/** What a commit does to its rollout when it is projected. */
export interface After {
  rolloutId: string;
  state: RolloutState;
  phase?: RolloutPhase;
  step?: number;
  reason?: string;
  sentence: string;
  /** `rollout.advanced`, … */
  event: string;
}

/** A change of the environment repository that was decided and may have been committed. */
export interface Intent {
  id: string;
  service: string;
  /** "" for the repository without commits. */
  fromCommit: string;
  desired: ServiceState;
  after: After;
}

/** The environment repository as far as it was projected. */
export interface Projection {
  commit: string | null;
  order: number;
  /** Added to the order that Git counts, so that a head that was adopted is newer than all before it. */
  orderOffset: number;
  /** Head that is no descendant of `commit`. */
  diverged: string | null;
  /** A person said to take the diverged head as the truth. */
  adopt: boolean;
}

/** Outcome of a version's contract check in the serving environment. */
export interface ContractVerdict {
  version: number;
  passed: boolean;
  message: string;
  /** Of the files that were checked; "" when there were none. Where they lie changes with the data folder. */
  sha256: string;
}

/** True while the rollout may have traffic and its outcomes count. */
export function isOnTrial(rollout: Pick<Rollout, "state" | "heldFrom">): boolean {
  return rollout.state === "progressing" || (rollout.state === "held" && rollout.heldFrom === "progressing");
}

/** True while copies are all that the challenger may get until a person says that it may go on. */
export function isCopiesOnly({ phase, request }: Pick<Rollout, "phase" | "request">): boolean {
  return phase === "shadow" && (request.policy.shadow?.for ?? null) === null;
}

/** When the phase ends by itself, however much comes; null: no time is set for it. */
export function phaseEndOf({ phase, phaseAt, request }: Rollout): number | null {
  const { watch, shadow } = request.policy;
  if (phaseAt === null) return null;
  if (phase === "switched") return phaseAt + watch;
  return phase === "shadow" && shadow !== null && shadow.for !== null ? phaseAt + shadow.for : null;
}

/** When a phase that begins now has no time left for evidence; null: evidence isn't what it waits for. */
export function deadlineOf(policy: RolloutPolicy, phase: RolloutPhase | null, now: number): number | null {
  if (phase === null || phase === "switched") return null;
  return now + policy.deadline + (phase === "shadow" ? (policy.shadow?.for ?? 0) : 0);
}
