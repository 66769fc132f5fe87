import {
  type Bets,
  CHALLENGER_BAD,
  CHALLENGER_GOOD,
  CHAMPION_BAD,
  CHAMPION_GOOD,
  factorTable,
  type FactorTable,
} from "./bets.ts";
import type { Hypothesis } from "./hypothesis.ts";
import type { TestArm, TestCell } from "./outcomes-of-test.ts";

/**
 * Bets are frozen before the units they are played on are assigned. When bets change or money is put on them while
 * units are under way, those units belong to the bets before; counts don't say which of the units that end later
 * they are, only that there were so many of them. A crossing keeps that number per share and arm, and what ended since:
 * each part of the wealth is then lowered to the least product over all ways to pick the older units among those
 * that ended. So it never exceeds the product in order of assignment. A crossing is over when nothing is under way,
 * or every unit that was must have ended.
 */
export interface Crossing {
  cells: CrossingCell[];
}

interface CrossingCell {
  share: number;
  champion: CrossingArm;
  challenger: CrossingArm;
}

/** Plain counts; `left` units were under way when the crossing began. */
interface CrossingArm {
  left: number;
  good: number;
  bad: number;
  /** Good now and bad under the bets before, or the other way round. */
  turnedGood: number;
  turnedBad: number;
  strayed: number;
}

/** Begins with the units that are under way now. */
export function startCrossing(cells: readonly TestCell[]): Crossing {
  return {
    cells: cells
      .filter(({ champion, challenger }) => champion.pending + challenger.pending > 0)
      .map(({ share, champion, challenger }) => ({
        share,
        champion: nothingOf(champion.pending),
        challenger: nothingOf(challenger.pending),
      })),
  };
}

function nothingOf(left: number): CrossingArm {
  return { left, good: 0, bad: 0, turnedGood: 0, turnedBad: 0, strayed: 0 };
}

/** Counts what ended in one more interval. `rises`: the thresholds rose, so what turned is good now. */
export function cross(crossing: Crossing, cells: readonly TestCell[], rises: Rises): Crossing {
  return {
    cells: crossing.cells.map((cell) => {
      const now = cells.filter(({ share }) => share === cell.share);
      if (now.length === 0) return cell;
      return {
        share: cell.share,
        champion: now.reduce((sum, { champion }) => add(sum, champion, rises.champion), cell.champion),
        challenger: now.reduce(
          (sum, { challenger }) => add(sum, challenger, rises.challenger),
          cell.challenger,
        ),
      };
    }),
  };
}

export interface Rises {
  champion: boolean;
  challenger: boolean;
}

/** A loss between 0 and 1 counts as one that may be either. */
function add(sum: CrossingArm, arm: TestArm, rises: boolean): CrossingArm {
  const bad = Math.ceil(arm.loss);
  const good = arm.ended - Math.floor(arm.loss);
  const turnedGood = rises ? Math.min(good, arm.turned ?? 0) : 0;
  const turnedBad = rises ? 0 : Math.min(bad, arm.turned ?? 0);
  return {
    left: sum.left,
    good: sum.good + good - turnedGood,
    bad: sum.bad + bad - turnedBad,
    turnedGood: sum.turnedGood + turnedGood,
    turnedBad: sum.turnedBad + turnedBad,
    strayed: sum.strayed + (arm.strayed ?? 0),
  };
}

/**
 * Adds to `held`, per alternative, the logarithm of the least that the older units may have made of the money that was
 * there before (`bets`), and of the money that came with the crossing and wasn't put on them (`fresh`).
 */
export function holdForCrossing(
  held: { bets: number[]; fresh: number[] },
  crossing: Crossing,
  hypothesis: Hypothesis,
  test: number,
  now: Bets,
  before: Bets | null,
): void {
  for (const cell of crossing.cells) {
    const table = factorTable(now, test, hypothesis, cell.share);
    const old = before === null ? null : factorTable(before, test, hypothesis, cell.share);
    for (let i = 0; i < held.bets.length; i++) {
      for (const [arm, good, bad] of [
        [cell.champion, CHAMPION_GOOD, CHAMPION_BAD],
        [cell.challenger, CHALLENGER_GOOD, CHALLENGER_BAD],
      ] as const) {
        held.bets[i]! += leastOf(arm, table, i, good, bad, old);
        held.fresh[i]! += leastOf(arm, table, i, good, bad, null);
      }
    }
  }
}

/** Differences old - now of the classes that lower the product, the lowest first, for at most `left` units. */
function leastOf(
  arm: CrossingArm,
  now: FactorTable,
  i: number,
  good: number,
  bad: number,
  old: FactorTable | null,
): number {
  const oldGood = old === null ? 0 : old.log[good]![i]!;
  const oldBad = old === null ? 0 : old.log[bad]![i]!;
  const nowGood = now.log[good]![i]!;
  const nowBad = now.log[bad]![i]!;
  const classes: [number, number][] = [
    [oldGood - nowGood, arm.good],
    [oldBad - nowBad, arm.bad],
    [oldBad - nowGood, arm.turnedGood],
    [oldGood - nowBad, arm.turnedBad],
    [Math.min(0, oldGood, oldBad) - Math.max(0, nowBad), arm.strayed],
  ];
  classes.sort(([a], [b]) => a - b);
  let sum = 0;
  let { left } = arm;
  for (const [difference, count] of classes) {
    if (difference >= 0 || left <= 0) break;
    const taken = Math.min(left, count);
    sum += taken * difference;
    left -= taken;
  }
  return sum;
}
