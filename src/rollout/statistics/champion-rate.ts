import type { ArmCount } from "../judge.ts";

/** Decayed sums from which the champion's recent loss rate is told before the next units are assigned. */
export type ChampionRate = ArmCount;

/** Seconds in which an old unit's weight falls to 1/e. */
export const DECAY_SECONDS = 300;
/** Where nothing is known: half a loss in thirty units. The test's validity needs nothing of this, only its speed. */
const PRIOR: ArmCount = { units: 30, loss: 0.5 };
const SMALLEST = 1e-5;
/** Nearer to 1 the factors lose digits, and nobody's margin lies there. */
const LARGEST = 0.999;
/** Steps of the grid on which assumed rates lie, in log-odds. */
const GRID = 0.05;
/** Log-odds that the measured rate must move by before other bets are made: about 10 % of a small rate. */
const HYSTERESIS = 0.1;
const FAR = Math.exp(HYSTERESIS);

export const unknownRate: Readonly<ChampionRate> = { units: 0, loss: 0 };

/** The rate as known after the last interval; strictly between 0 and 1. */
export function currentRate(rate: ChampionRate, prior: ArmCount = PRIOR): number {
  return bounded((rate.loss + prior.loss) / (rate.units + prior.units));
}

/** Adds one interval's units to `rate`, sums that fade with the time that has passed. */
export function updateRate(rate: ChampionRate, seconds: number, units: number, loss: number): void {
  const kept = seconds > 0 ? Math.exp(-seconds / DECAY_SECONDS) : 1;
  rate.units = rate.units * kept + units;
  rate.loss = rate.loss * kept + loss;
}

/** The nearest rate of a grid, so that equal assumptions give equal bets, computed once. */
export function onGrid(rate: number): number {
  const near = Math.exp(Math.round(Math.log(odds(bounded(rate))) / GRID) * GRID);
  return bounded(near / (1 + near));
}

/** True when `now` is far enough from what was assumed to bet anew; `times` as far where less hangs on it. */
export function hasMoved(assumed: number, now: number, times = 1): boolean {
  const limit = times === 1 ? FAR : Math.exp(HYSTERESIS * times);
  const ratio = odds(bounded(now)) / odds(assumed);
  return ratio > limit || ratio * limit < 1;
}

function bounded(rate: number): number {
  return Math.min(LARGEST, Math.max(SMALLEST, rate));
}

function odds(rate: number): number {
  return rate / (1 - rate);
}
