import type { ArmCount, Cell } from "../judge.ts";
import { watchArrival } from "./arrival-guard.ts";
import { nextBets, remember } from "./assumption.ts";
import { cross, type Rises, startCrossing } from "./crossing.ts";
import { type Hypothesis, stakes } from "./hypothesis.ts";
import { hypothesesOf, type MetricState } from "./metric-state.ts";
import type { Moment } from "./moment.ts";
import { byLoss, bySlowness, isDrawn, type TestCell } from "./outcomes-of-test.ts";
import type { Bets } from "./bets.ts";
import { hold, isUnderWay, play } from "./play.ts";
import { leak, settle, settleLeftOut } from "./wealth.ts";

/** Labels may come this much more often for one arm. */
const LABELS_TOLERANCE = 1.1;

/**
 * One look: plays what ended on the bets that were in force, then learns from it, then lays the bets of the next
 * interval. In this order, so that no bet knows anything of the units it is played on. Changes `state`.
 */
export function observeMetric(state: MetricState, cells: readonly Cell[], moment: Moment): void {
  const drawn = moment.isBaseline ? NO_CELLS : cells;
  if (moment.areLost) giveUp(state);
  if (moment.abortsDiffer && state.kind !== "labels") for (const wealth of state.tests) settleLeftOut(wealth);
  const hypotheses = hypothesesOf(state.kind, state.margin);
  const seen = cellsOfTests(state, drawn);
  if (state.bets !== null) playAll(state, state.bets, hypotheses, seen, moment);
  count(state, drawn, seen[0]!);
  if (state.arrival !== null && drawn.length > 0)
    state.arrival = watchArrival(state.arrival, LABELS_TOLERANCE, drawn.map(endedOf));
  remember(state, cells, moment);
  layBets(state, hypotheses, seen, moment);
}

const NO_CELLS: readonly Cell[] = [];

/** The units under way will never be told of: what they might have cost is paid. */
function giveUp(state: MetricState): void {
  for (const wealth of state.tests) settle(wealth);
  state.crossing = null;
}

function endedOf({ share, champion, challenger }: Cell): {
  share: number;
  champion: number;
  challenger: number;
} {
  return { share, champion: champion.ended, challenger: challenger.ended };
}

/** The interval as each of the metric's tests sees it. */
function cellsOfTests(state: MetricState, cells: readonly Cell[]): (readonly TestCell[])[] {
  const slow = state.bets?.slow;
  if (state.kind === "latency" && slow) return bySlowness(cells, slow, state.crossing?.before?.slow);
  const same = byLoss(state.kind === "latency" ? cells.map(onlyPending) : cells);
  return state.tests.map(() => same);
}

function onlyPending(cell: Cell): Cell {
  const none = (pending: number): Cell["champion"] => ({ ended: 0, loss: 0, pending, aborted: 0 });
  return { ...cell, champion: none(cell.champion.pending), challenger: none(cell.challenger.pending) };
}

function playAll(
  state: MetricState,
  bets: Bets,
  hypotheses: readonly Hypothesis[],
  seen: readonly (readonly TestCell[])[],
  moment: Moment,
): void {
  const { crossing } = state;
  const areLeftOut = state.kind === "labels" || !moment.abortsDiffer;
  const before = crossing?.before ?? null;
  if (crossing !== null) {
    crossing.tests.forEach((at, test) => cross(at, seen[test]!, risesOf(state, test)));
    crossing.age += aged(moment);
  }
  play(state.tests, hypotheses, bets, before, seen, areLeftOut);
  hold(state.tests, hypotheses, bets, seen, crossing);
}

/** A clock that jumps ahead must not end a crossing by one look. */
function aged({ seconds, maxLife }: Moment): number {
  return Math.min(seconds * 1000, maxLife / 2);
}

function risesOf({ bets, crossing }: MetricState, test: number): Rises {
  const now = bets?.slow;
  const old = crossing?.before?.slow;
  if (!now || !old) return { champion: false, challenger: false };
  return {
    champion: now.champion > old.champion,
    challenger: now.challenger[test]! > old.challenger[test]!,
  };
}

function count(state: MetricState, drawn: readonly Cell[], seen: readonly TestCell[]): void {
  if (state.bets !== null)
    for (const { champion, challenger } of seen) {
      addTo(state.champion, champion);
      addTo(state.challenger, challenger);
    }
  for (const cell of drawn) {
    if (!isDrawn(cell) || cell.champion.aborted + cell.challenger.aborted === 0) continue;
    state.aborted.champion += cell.champion.aborted;
    state.aborted.challenger += cell.challenger.aborted;
  }
}

function addTo(sum: ArmCount, arm: { ended: number; loss: number }): void {
  sum.units += arm.ended;
  sum.loss += arm.loss;
}

/** Lays the next units' bets: changes them when the champion moved, and puts the cash that is due on them. */
function layBets(
  state: MetricState,
  hypotheses: readonly Hypothesis[],
  seen: readonly (readonly TestCell[])[],
  { maxLife, edges }: Moment,
): void {
  const isPending = isUnderWay(seen[0]!);
  if (state.crossing !== null) {
    if (isPending && state.crossing.age < maxLife) return;
    for (const wealth of state.tests) settle(wealth);
    state.crossing = null;
  }
  const next = nextBets(state, edges);
  const isNew = next !== state.bets;
  const units = state.challenger.units;
  if (!isNew && (units <= state.leakedAt || state.bets === null)) return;
  const onFresh = isPending && maxLife > 0;
  for (let test = 0; test < hypotheses.length; test++)
    leak(state.tests[test]!, stakes(hypotheses[test]!), state.leakedAt, units, onFresh);
  state.leakedAt = units;
  if (onFresh) startAgain(state, hypotheses, seen, next);
  state.bets = next;
}

function startAgain(
  state: MetricState,
  hypotheses: readonly Hypothesis[],
  seen: readonly (readonly TestCell[])[],
  next: Bets | null,
): void {
  const crossing = { age: 0, before: state.bets, tests: seen.map(startCrossing) };
  state.crossing = crossing;
  if (next === null) return;
  hold(state.tests, hypotheses, next, seen, crossing);
}
