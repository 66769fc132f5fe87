import type { RolloutPolicy } from "../spec/project.ts";
import type { ArmCount, Judge } from "./judge.ts";
import { createEProcessJudge } from "./statistics/e-process-judge.ts";
import { type EProcessState, readState } from "./statistics/e-process-state.ts";
import { fromCopies } from "./statistics/from-copies.ts";
import { type EarlierTrial, goOn } from "./statistics/going-on.ts";

/** A judge whose state is kept between looks, versions of the platform, and phases of a rollout. */
export interface StoredJudge<State> extends Judge<State> {
  /** A stored state; null when it is of another shape than this version's. */
  read(stored: unknown): State | null;
  /** What earlier trials knew, newest first, as far as this policy asks for it; null without any. */
  goOn(trials: readonly EarlierTrial<State>[], policy: Pick<RolloutPolicy, "metrics">): State | null;
  /** What goes on counting when copies end and real requests begin. */
  fromCopies(state: State): State;
  /** Requests of the time before the rollout and how many failed, as the guard compares with them; null: none known. */
  before(state: State): ArmCount | null;
}

/** The platform's own. */
export function createStoredJudge(): StoredJudge<EProcessState> {
  return { ...createEProcessJudge(), read: readState, goOn, fromCopies, before };
}

/** The guard's own count, which fades between two rollouts that go on from one another. */
function before({ guard }: EProcessState): ArmCount | null {
  const units = Math.round(guard.units);
  return units === 0 ? null : { units, loss: Math.round(guard.loss) };
}
