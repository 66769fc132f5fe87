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
import { leak, settle, settleLeftOut, type Wealth } from "./wealth.ts";

/** Labels may come this much more often for one arm. */
const LABELS_TOLERANCE = 1.1;

/**
 * One look: plays what ended on the bets that were in force, then learns from it, then lays the bets of the next
 * interval. In this order, so that no bet knows anything of the units it is played on.
 */
export function observeMetric(before: MetricState, cells: readonly Cell[], moment: Moment): MetricState {
  const drawn = moment.isBaseline ? NO_CELLS : cells;
  const state = copyOf(before);
  if (moment.abortsDiffer && state.kind !== "labels") state.tests = state.tests.map(settleLeftOut);
  const hypotheses = hypothesesOf(state.kind, state.margin);
  const seen = cellsOfTests(state, drawn);
  if (state.bets !== null) playAll(state, state.bets, hypotheses, seen, moment);
  count(state, drawn, seen[0]!);
  if (state.arrival !== null && drawn.length > 0)
    state.arrival = watchArrival(state.arrival, LABELS_TOLERANCE, drawn.map(endedOf));
  remember(state, cells, moment);
  layBets(state, hypotheses, seen, moment);
  return state;
}

const NO_CELLS: readonly Cell[] = [];

/** Spelled out because it is made once per look and metric: a spread takes as long as all the arithmetic. */
function copyOf(state: MetricState): MetricState {
  const { kind, margin, quantile, floor, rate, latency, edges, bets, tests, crossing } = state;
  const { champion, challenger, aborted, leakedAt, arrival } = state;
  return {
    kind,
    margin,
    quantile,
    floor,
    rate,
    latency,
    edges,
    bets,
    tests,
    crossing,
    champion,
    challenger,
    aborted,
    leakedAt,
    arrival,
  };
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
  if (state.kind === "latency" && slow) {
    const before = state.crossing?.before?.slow;
    return state.tests.map((_, test) => bySlowness(cells, test, slow, before));
  }
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
  const crossings = crossing?.tests.map((at, test) => cross(at, seen[test]!, risesOf(state, test))) ?? null;
  const tests: Wealth[] = [];
  for (let test = 0; test < hypotheses.length; test++) {
    const named = { hypothesis: hypotheses[test]!, test };
    const played = play(state.tests[test]!, named, bets, before, seen[test]!, areLeftOut);
    tests.push(hold(played, named, bets, seen[test]!, crossings && { at: crossings[test]!, before }));
  }
  state.tests = tests;
  if (crossing !== null && crossings !== null)
    state.crossing = { before, age: crossing.age + aged(moment), tests: crossings };
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
      if (champion.ended > 0) state.champion = plus(state.champion, champion);
      if (challenger.ended > 0) state.challenger = plus(state.challenger, challenger);
    }
  for (const cell of drawn) {
    if (!isDrawn(cell) || cell.champion.aborted + cell.challenger.aborted === 0) continue;
    state.aborted = {
      champion: state.aborted.champion + cell.champion.aborted,
      challenger: state.aborted.challenger + cell.challenger.aborted,
    };
  }
}

function plus(sum: ArmCount, arm: { ended: number; loss: number }): ArmCount {
  return { units: sum.units + arm.ended, loss: sum.loss + arm.loss };
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
    state.tests = state.tests.map(settle);
    state.crossing = null;
  }
  const next = nextBets(state, edges);
  const isNew = next !== state.bets;
  const units = state.challenger.units;
  if (!isNew && (units <= state.leakedAt || state.bets === null)) return;
  const onFresh = isPending && maxLife > 0;
  state.tests = state.tests.map((wealth, test) =>
    leak(wealth, stakes(hypotheses[test]!), state.leakedAt, units, onFresh),
  );
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
  state.tests = state.tests.map((wealth, test) =>
    hold(wealth, { hypothesis: hypotheses[test]!, test }, next, seen[test]!, {
      at: crossing.tests[test]!,
      before: crossing.before,
    }),
  );
}
