import {
  type Bets,
  CHALLENGER_BAD,
  CHALLENGER_GOOD,
  CHAMPION_BAD,
  CHAMPION_GOOD,
  factorTables,
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

/** A copy that shares nothing with it. */
export function ownCrossing({ cells }: Crossing): Crossing {
  return {
    cells: cells.map(({ share, champion, challenger }) => ({
      share,
      champion: { ...champion },
      challenger: { ...challenger },
    })),
  };
}

/** Counts what ended in one more interval, into `crossing`. `rises`: the thresholds rose, so what turned is good now. */
export function cross(crossing: Crossing, cells: readonly TestCell[], rises: Rises): void {
  for (const old of crossing.cells) {
    for (const { share, champion, challenger } of cells) {
      if (share !== old.share) continue;
      add(old.champion, champion, rises.champion);
      add(old.challenger, challenger, rises.challenger);
    }
  }
}

export interface Rises {
  champion: boolean;
  challenger: boolean;
}

/** A loss between 0 and 1 counts as one that may be either. */
function add(sum: CrossingArm, arm: TestArm, rises: boolean): void {
  const bad = Math.ceil(arm.loss);
  const good = arm.ended - Math.floor(arm.loss);
  const turnedGood = rises ? Math.min(good, arm.turned ?? 0) : 0;
  const turnedBad = rises ? 0 : Math.min(bad, arm.turned ?? 0);
  sum.good += good - turnedGood;
  sum.bad += bad - turnedBad;
  sum.turnedGood += turnedGood;
  sum.turnedBad += turnedBad;
  sum.strayed += arm.strayed ?? 0;
}

/**
 * Adds to `held`, per alternative, the logarithm of the least that the older units may have made of the money that was
 * there before (`bets`), and of the money that came with the crossing and wasn't put on them (`fresh`).
 */
export function holdForCrossing(
  held: { bets: number[]; fresh: number[] },
  crossing: Crossing,
  hypotheses: readonly Hypothesis[],
  test: number,
  now: Bets,
  before: Bets | null,
): void {
  for (const cell of crossing.cells) {
    const table = factorTables(now, hypotheses, cell.share)[test]!;
    const old = before === null ? null : factorTables(before, hypotheses, cell.share)[test]!;
    addLeast(held.bets, cell.champion, table, old, CHAMPION_GOOD, CHAMPION_BAD);
    addLeast(held.bets, cell.challenger, table, old, CHALLENGER_GOOD, CHALLENGER_BAD);
    addLeast(held.fresh, cell.champion, table, null, CHAMPION_GOOD, CHAMPION_BAD);
    addLeast(held.fresh, cell.challenger, table, null, CHALLENGER_GOOD, CHALLENGER_BAD);
  }
}

function addLeast(
  held: number[],
  arm: CrossingArm,
  now: FactorTable,
  old: FactorTable | null,
  good: number,
  bad: number,
): void {
  if (arm.left === 0) return;
  const haveTurned = arm.turnedGood + arm.turnedBad + arm.strayed > 0;
  // Only money was put on the same bets: whichever units the older ones are, they made the same of it.
  if (now === old && !haveTurned) return;
  const nowGood = now.log[good]!;
  const nowBad = now.log[bad]!;
  const oldGood = old === null ? null : old.log[good]!;
  const oldBad = old === null ? null : old.log[bad]!;
  for (let i = 0; i < held.length; i++) {
    const was = oldGood === null ? 0 : oldGood[i]!;
    const wasBad = oldBad === null ? 0 : oldBad[i]!;
    held[i]! += haveTurned
      ? leastOfAll(arm, was, wasBad, nowGood[i]!, nowBad[i]!)
      : leastOfTwo(arm, was - nowGood[i]!, wasBad - nowBad[i]!);
  }
}

/** As `leastOfAll`, where nothing turned: by the differences of the good and of the bad. */
function leastOfTwo({ left, good, bad }: CrossingArm, ofGood: number, ofBad: number): number {
  const isGoodFirst = ofGood <= ofBad;
  const first = Math.min(left, isGoodFirst ? good : bad);
  const second = Math.min(left - first, isGoodFirst ? bad : good);
  return first * Math.min(0, ofGood, ofBad) + second * Math.min(0, Math.max(ofGood, ofBad));
}

/** Differences old - now of the classes that lower the product, the lowest first, for at most `left` units. */
function leastOfAll(
  arm: CrossingArm,
  oldGood: number,
  oldBad: number,
  nowGood: number,
  nowBad: number,
): number {
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
