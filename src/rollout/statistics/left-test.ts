import type { ArmCount, Cell } from "../judge.ts";
import { chance } from "./arrival-guard.ts";
import { isDrawn, leftUnits } from "./outcomes-of-test.ts";
import { eValue, leak, ownWealth, startWealth, tidy, type Wealth } from "./wealth.ts";

/**
 * Tests whether callers leave the challenger more often than the champion. Where they leave before the deadline, a
 * version that hangs is in no metric's losses. Plain JSON; `loss` of a count is how many of the units were left.
 */
export interface LeftTest {
  wealth: Wealth;
  champion: ArmCount;
  challenger: ArmCount;
}

/** A challenger's callers may leave this much more often, as a ratio of the chances of a unit to be left. */
export const LEFT_TOLERANCE = 1.25;
/** Ratios beyond the tolerance that are bet on: a factor of 2.2 apart, from "half again" to "it answers nobody". */
const RATIOS = [1.4, 3.1, 6.8, 15, 33, 72, 159];
const STAKES = RATIOS.map(() => 1 / RATIOS.length);
/** Kept out of the bets at the start: a version may begin to hang after hours. */
const CASH = 0.3;
const LARGEST_LOG = 600;

export function startLeft(): LeftTest {
  return {
    wealth: startWealth(STAKES, CASH),
    champion: { units: 0, loss: 0 },
    challenger: { units: 0, loss: 0 },
  };
}

/** A copy to work on. */
export function ownLeft({ wealth, champion, challenger }: LeftTest): LeftTest {
  return { wealth: ownWealth(wealth), champion: { ...champion }, challenger: { ...challenger } };
}

/**
 * Takes an interval's drawn units in, into `test`. Null hypothesis: the chances to be left stand in a ratio r (challenger
 * to champion) of at most LEFT_TOLERANCE. A unit that is left is then the challenger's with probability
 * w r / (w r + 1 - w), w the share at assignment, whatever the chances themselves are: a one-sided test of the units that
 * were left alone. A bet on p multiplies by p/high for the challenger and (1-p)/(1-high) for the champion, high
 * being that probability at the tolerance: its expectation rises with the true one and is 1 there, so the mean over all
 * bets is an e-process on the whole null. The cash moves with the number of units that were left, since only these tell.
 * Assumes that the arm was drawn at its cell's share independently of all before, and that how long a caller has
 * waited when it leaves doesn't hang on the arm: units count when they are left, not in order of assignment.
 */
export function watchLeft(test: LeftTest, cells: readonly Cell[]): void {
  const before = test.champion.loss + test.challenger.loss;
  for (const cell of cells) {
    if (!isDrawn(cell)) continue;
    const champion = leftUnits(cell.champion);
    const challenger = leftUnits(cell.challenger);
    test.champion.units += cell.champion.ended + cell.champion.aborted;
    test.challenger.units += cell.challenger.ended + cell.challenger.aborted;
    if (champion + challenger === 0) continue;
    test.champion.loss += champion;
    test.challenger.loss += challenger;
    play(test.wealth, cell.share, champion, challenger);
  }
  const now = test.champion.loss + test.challenger.loss;
  if (now > before) leak(test.wealth, STAKES, before, now, false);
}

function play({ bets }: Wealth, share: number, champion: number, challenger: number): void {
  const high = chance(share, LEFT_TOLERANCE);
  for (const [i, ratio] of RATIOS.entries()) {
    const p = chance(share, ratio * LEFT_TOLERANCE);
    const log = challenger * Math.log(p / high) + champion * Math.log((1 - p) / (1 - high));
    bets[i] = tidy(bets[i]! * Math.exp(Math.min(LARGEST_LOG, log)));
  }
}

/** The e-value against "the challenger's callers leave at most LEFT_TOLERANCE times as often". */
export function leftHarm({ wealth }: LeftTest): number {
  return eValue(wealth);
}
