import type { RolloutPolicy } from "../../spec/project.ts";
import type { Cell, Interval, Judge } from "../judge.ts";
import { startGuard, watchBefore, watchNow } from "./absolute-guard.ts";
import { startArrival, watchArrival } from "./arrival-guard.ts";
import { type EProcessState, readState, STATE_VERSION } from "./e-process-state.ts";
import { LEFT_TOLERANCE, ownLeft, startLeft, watchLeft } from "./left-test.ts";
import { type MetricState, ownMetric, startMetric } from "./metric-state.ts";
import { observeMetric } from "./metric-test.ts";
import type { Moment } from "./moment.ts";
import { isDrawn, leftUnits, soundCells } from "./outcomes-of-test.ts";
import { judgeState } from "./verdict.ts";

export type { EProcessState } from "./e-process-state.ts";

/** One look moves the judge's clock by no more than this: a clock that jumped ahead is no hour of traffic. */
const LONGEST_LOOK = 60_000;
/** Longer than most units live, where nobody says how long they may. */
const MAX_LIFE = 60_000;

/**
 * The two-arm e-process from counts per interval.
 *
 * Assumes: a unit's arm was drawn at its cell's share, independent of all before; a unit is a request (or the first
 * request of a sticky key); its loss lies in [0, 1]; no unit of a cell is under way for longer than `maxLifeMs`.
 * Doesn't assume constant rates, or that units end in the order in which they began. The bets are fixed before the units
 * are assigned that are played on them; where counts don't tell which bets a unit belongs to, the least product
 * over all possibilities is taken, so the e-values never exceed those of single requests in order of assignment.
 *
 * Source: Turner, Ly, Grunwald, "Generic E-variables for exact sequential k-sample tests that allow for optional
 * stopping"; Grunwald, de Heide, Koolen, "Safe Testing".
 *
 * `usesUpStates`: observe() changes the state it is given and returns it, for whoever feeds millions of intervals and keeps
 * no earlier state; copying it takes longer than the arithmetic.
 */
export function createEProcessJudge(
  options: { maxLifeMs?: number; usesUpStates?: boolean } = {},
): Judge<EProcessState> {
  const maxLife = options.maxLifeMs ?? MAX_LIFE;
  const own = options.usesUpStates ? (state: EProcessState) => state : ownState;
  const begin = (policy: RolloutPolicy, at: number, of?: { maxLifeMs?: number }): EProcessState =>
    start(policy, at, of?.maxLifeMs ?? maxLife);
  return {
    start: begin,
    observe(state, interval, policy) {
      const now = own(readState(state) ?? begin(policy, interval.at));
      advance(now, interval, policy);
      return now;
    },
    judge: (state, policy, step) => judgeState(readState(state) ?? begin(policy, 0), policy, step),
  };
}

function start(policy: RolloutPolicy, at: number, maxLife: number): EProcessState {
  const metrics: Record<string, MetricState> = {};
  for (const metric of policy.metrics) metrics[metric.name] = startMetric(metric);
  return {
    version: STATE_VERSION,
    at: Number.isFinite(at) ? at : 0,
    clock: 0,
    maxLife: Number.isFinite(maxLife) ? Math.max(0, maxLife) : MAX_LIFE,
    share: null,
    metrics,
    aborts: startArrival,
    left: startLeft(),
    guard: startGuard,
  };
}

/** A copy to work on. */
function ownState(state: EProcessState): EProcessState {
  const metrics: Record<string, MetricState> = {};
  for (const name of Object.keys(state.metrics)) metrics[name] = ownMetric(state.metrics[name]!);
  return { ...state, metrics, left: ownLeft(state.left) };
}

/** Takes the interval in, into `state`. */
function advance(state: EProcessState, interval: Interval, policy: RolloutPolicy): void {
  const { edges, isBaseline = false } = interval;
  const at = Number.isFinite(interval.at) ? interval.at : state.at;
  // A clock that jumped back must not take wealth back; the time in between is lost, nothing else.
  const elapsed = Math.min(LONGEST_LOOK, Math.max(0, at - state.at));
  const seconds = elapsed / 1000;
  state.at = at;
  state.clock += elapsed;
  state.maxLife = Math.max(state.maxLife, interval.maxLifeMs ?? 0);
  const requests = soundCells(interval.requests);
  if (!isBaseline) {
    state.aborts = watchArrival(state.aborts, LEFT_TOLERANCE, abortsOf(requests));
    watchLeft(state.left, requests);
  }
  const { metrics, maxLife } = state;
  // An earlier trial's units that were under way at its end are told to nobody either.
  const areLost = isBaseline || interval.isBegunAnew === true;
  const ofRequests: Moment = {
    seconds,
    isBaseline,
    areLost,
    edges,
    abortsDiffer: state.aborts.differ,
    maxLife,
  };
  for (const name in metrics) {
    const metric = metrics[name]!;
    if (metric.kind === "labels")
      observeMetric(metric, soundCells(interval.labels[name] ?? NO_LABELS), ofLabels(ofRequests));
    else observeMetric(metric, requests, ofRequests);
  }
  if (isBaseline) {
    state.guard = watchBefore(state.guard, seconds, requests);
  } else {
    state.share = lastShare(requests, state.share);
    state.guard = watchNow(state.guard, policy.guard ?? null, state.clock, requests, edges);
  }
}

const NO_LABELS: readonly Cell[] = [];

/** Labels are played as they come: none is under way. */
function ofLabels({ seconds, isBaseline, edges, abortsDiffer }: Moment): Moment {
  return { seconds, isBaseline, areLost: false, edges, abortsDiffer, maxLife: 0 };
}

function lastShare(cells: readonly Cell[], before: number | null): number | null {
  for (let i = cells.length - 1; i >= 0; i--) if (isDrawn(cells[i]!)) return cells[i]!.share;
  return before;
}

const NO_ABORTS: readonly { share: number; champion: number; challenger: number }[] = [];

function abortsOf(cells: readonly Cell[]): typeof NO_ABORTS {
  let counts: (typeof NO_ABORTS)[number][] | undefined;
  for (const { share, champion, challenger } of cells) {
    const counted = { share, champion: leftUnits(champion), challenger: leftUnits(challenger) };
    if (counted.champion + counted.challenger > 0) (counts ??= []).push(counted);
  }
  return counts ?? NO_ABORTS;
}
