import type { ServiceState } from "../git/environment.ts";
import type { ArmCount } from "./judge.ts";
import type {
  After,
  ContractVerdict,
  EmergencyStop,
  HeldReason,
  Projection,
  Rollout,
  RolloutState,
  Service,
} from "./state.ts";

/** Everything a decision depends on, gathered once per pass. */
export interface Situation {
  now: number;
  service: Service;
  projection: Projection;
  /** Checking, progressing or held; one per service. */
  rollout: Rollout | null;
  /** Oldest first. */
  pending: Rollout[];
  contracts: ReadonlyMap<number, ContractVerdict>;
  /** Rule that the backend has in force. */
  inForce: { commit: string; order: number } | null;
  /** Versions that the backend has prepared. */
  prepared: readonly number[];
  /** True when the backend has heard of the service's emergency stop. */
  stopTold: boolean;
  /** Of the challenger, ended since the present step began. */
  unitsAtStep: number;
  /** Answers of the rollout's challenger that callers got and shouldn't have. */
  badAnswers: number;
  /** Known when the watch after a switch is over; null at any other time. */
  sinceSwitch: SinceSwitch | null;
}

/** Requests of a switch, and of the time before the rollout; `loss`: how many failed. */
export interface SinceSwitch {
  after: ArmCount;
  /** Null where nothing is known of it. */
  before: ArmCount | null;
}

/** The one thing to do next. */
export type Action =
  | { do: "wait"; why: "nothing-to-do" | "watching" }
  | { do: "stop"; stop: EmergencyStop }
  | { do: "tell-stop"; version: number }
  | { do: "commit"; desired: ServiceState; subject: string; after: After }
  | { do: "end"; rolloutId: string; state: RolloutState; reason: string; sentence: string }
  | { do: "hold"; rolloutId: string; reason: HeldReason; sentence: string }
  | { do: "begin"; rolloutId: string }
  | { do: "check"; version: number; rolloutId: string | null }
  | { do: "prepare"; version: number; sha256: string }
  | { do: "route" }
  | { do: "project-aliases" }
  | { do: "remove"; version: number };
