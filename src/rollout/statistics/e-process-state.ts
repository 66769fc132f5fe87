import type { AbsoluteGuard } from "./absolute-guard.ts";
import type { ArrivalGuard } from "./arrival-guard.ts";
import { type LeftTest, startLeft } from "./left-test.ts";
import type { MetricState } from "./metric-state.ts";

/** All that the test remembers: plain JSON, stored after every look. */
export interface EProcessState {
  /** Of this shape; a state of another one isn't read. */
  version: typeof STATE_VERSION;
  /** Of the last interval. */
  at: number;
  /** Milliseconds that the judge has seen pass; never goes back. */
  clock: number;
  /** Milliseconds after which no unit is under way any more. */
  maxLife: number;
  /** Challenger's share of the units that came last; null before the first. */
  share: number | null;
  metrics: Record<string, MetricState>;
  /** Whether callers leave both arms alike. */
  aborts: ArrivalGuard;
  /** Whether callers leave the challenger more often: a harm of its own. */
  left: LeftTest;
  guard: AbsoluteGuard;
  /** Metrics that the earlier trials, by other rules, knew nothing of; absent: none. */
  beganAnew?: string[];
}

export const STATE_VERSION = 2;

/** A stored state, or null when it is of an earlier shape: the test then starts anew, without what was known. */
export function readState(value: unknown): EProcessState | null {
  if (typeof value !== "object" || value === null) return null;
  const state = value as Omit<EProcessState, "left"> & { left?: LeftTest };
  if (state.version !== STATE_VERSION) return null;
  // Stored before this was tested: an e-process may begin at any time.
  return state.left === undefined ? { ...state, left: startLeft() } : (state as EProcessState);
}
