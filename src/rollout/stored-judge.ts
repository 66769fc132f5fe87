import type { Judge } from "./judge.ts";
import { createEProcessJudge } from "./statistics/e-process-judge.ts";
import { type EProcessState, readState } from "./statistics/e-process-state.ts";
import { fromCopies } from "./statistics/from-copies.ts";

/** A judge whose state is kept between looks, versions of the platform, and phases of a rollout. */
export interface StoredJudge<State> extends Judge<State> {
  /** A stored state; null when it is of another shape than this version's. */
  read(stored: unknown): State | null;
  /** What goes on counting when copies end and real requests begin. */
  fromCopies(state: State): State;
}

/** The platform's own. */
export function createStoredJudge(): StoredJudge<EProcessState> {
  return { ...createEProcessJudge(), read: readState, fromCopies };
}
