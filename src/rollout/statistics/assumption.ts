import type { Cell } from "../judge.ts";
import type { Bets } from "./bets.ts";
import {
  above,
  addLatencies,
  edgeOf,
  isDue,
  merge,
  quantileBucket,
  unknownLatency,
} from "./champion-latency.ts";
import { currentRate, hasMoved, onGrid, updateRate } from "./champion-rate.ts";
import { MARGINS, type MetricState } from "./metric-state.ts";
import type { Moment } from "./moment.ts";
import { slowThresholds } from "./slow-thresholds.ts";
import { settle } from "./wealth.ts";

/** A quantile of fewer units of the champion isn't bet on: at least these, and this many beyond the quantile. */
const LEAST_UNITS = 50;
const LEAST_BEYOND = 2;
/** Relative distance by which the quantile must move before its threshold does; less moves q0 alone. */
const QUANTILE_HYSTERESIS = 0.05;
/** Weight in units of what is believed of a quantile's exceedance before it is seen. */
const PRIOR_UNITS = 20;

/**
 * Takes in what this interval tells of the champion, into `state`, which is the caller's own. Its units are those at
 * shares below 1, drawn or not.
 */
export function remember(state: MetricState, cells: readonly Cell[], { seconds, edges }: Moment): void {
  if (state.kind === "latency") {
    rememberLatency(state, cells, seconds, edges);
    return;
  }
  let units = 0;
  let loss = 0;
  for (const { share, champion } of cells) {
    if (share >= 1) continue;
    units += champion.ended;
    loss += champion.loss;
  }
  updateRate(state.rate, seconds, units, loss);
}

function rememberLatency(
  state: MetricState,
  cells: readonly Cell[],
  seconds: number,
  edges: readonly number[] | undefined,
): void {
  const name = edges ? `${edges.length} ${edges[0]} ${edges.at(-1)}` : "";
  if (name !== state.edges) {
    // Thresholds in other buckets mean nothing here: units under way count as least, and it begins anew.
    for (const wealth of state.tests) settle(wealth);
    state.latency = unknownLatency();
    state.edges = name;
    state.bets = null;
    state.crossing = null;
  }
  const { latency } = state;
  for (const { share, champion } of cells)
    if (share < 1 && champion.latency) addLatencies(latency, champion.latency);
  latency.age += seconds;
  if (isDue(latency)) state.latency = merge(latency);
}

/** The bets for units assigned from now on: the same object as long as the champion hasn't moved by much. */
export function nextBets(state: MetricState, edges: readonly number[] | undefined): Bets | null {
  if (state.kind === "latency") return nextLatencyBets(state, edges);
  const now = currentRate(state.rate);
  if (state.bets !== null && !hasMoved(state.bets.q0, now)) return state.bets;
  return { q0: onGrid(now) };
}

function nextLatencyBets(state: MetricState, edges: readonly number[] | undefined): Bets | null {
  const { latency, quantile, bets } = state;
  if (latency.recent.length > 0 || latency.age > 0) return bets;
  if (bets === null && latency.total < Math.max(LEAST_UNITS, LEAST_BEYOND / (1 - quantile))) return null;
  const measured = quantileBucket(latency, quantile);
  if (measured === undefined) return bets;
  const tau = bets?.slow && !isFar(edges, bets.slow.champion, measured) ? bets.slow.champion : measured;
  const slow =
    bets?.slow && tau === bets.slow.champion
      ? bets.slow
      : slowThresholds(tau, state.margin, state.floor, MARGINS, edges);
  const rateAbove = (threshold: number, expected: number): number =>
    currentRate(
      { units: latency.total, loss: above(latency, threshold) },
      { units: PRIOR_UNITS, loss: PRIOR_UNITS * expected },
    );
  const q0 = rateAbove(tau, 1 - quantile);
  const equal = slow.challenger.map((threshold, test) =>
    test === 0 ? q0 : rateAbove(threshold, (1 - quantile) / 2),
  );
  const isSame =
    bets !== null &&
    slow === bets.slow &&
    !hasMoved(bets.q0, q0) &&
    !equal.some((rate, test) => test > 0 && hasMoved(bets.equal?.[test] ?? rate, rate, 3));
  return isSame ? bets : { q0: onGrid(q0), slow, equal: equal.map(onGrid) };
}

function isFar(edges: readonly number[] | undefined, now: number, measured: number): boolean {
  const ratio = edgeOf(edges, measured) / edgeOf(edges, now);
  return ratio > 1 + QUANTILE_HYSTERESIS || ratio < 1 / (1 + QUANTILE_HYSTERESIS);
}
