import type { ArmCount } from "../judge.ts";
import {
  type Bets,
  CHALLENGER_BAD,
  CHALLENGER_GOOD,
  CHAMPION_BAD,
  CHAMPION_GOOD,
  factorTable,
  type FactorTable,
} from "./bets.ts";
import { type Crossing, holdForCrossing } from "./crossing.ts";
import type { Hypothesis } from "./hypothesis.ts";
import type { TestArm, TestCell } from "./outcomes-of-test.ts";
import { armLogFactor } from "./projection.ts";
import { tidy, type Wealth } from "./wealth.ts";

/** One null hypothesis of a metric, by its place among the metric's tests. */
export interface NamedTest {
  hypothesis: Hypothesis;
  test: number;
}

/**
 * Plays an interval's ended units on the bets: each part of the wealth is multiplied by its factor for every unit,
 * factor^count for counts. `before`: bets that some of the units may have been assigned under. `areLeftOut`: units left by their callers are left out (what they would cost is noted);
 * otherwise each counts as the outcome that speaks least against the null.
 */
export function play(
  wealth: Wealth,
  named: NamedTest,
  bets: Bets,
  before: Bets | null,
  cells: readonly TestCell[],
  areLeftOut: boolean,
): Wealth {
  if (cells.length === 0) return wealth;
  const { cash, held, leftOut } = wealth;
  const next: Wealth = {
    cash,
    bets: wealth.bets.slice(),
    fresh: wealth.fresh?.slice() ?? null,
    held,
    leftOut,
  };
  for (const cell of cells) {
    const table = factorTable(bets, named.test, named.hypothesis, cell.share);
    const factors = factorsOf(table, cell.champion, cell.challenger);
    if (factors !== null) {
      multiply(next.bets, factors);
      if (next.fresh !== null) multiply(next.fresh, factors);
    }
    if (cell.champion.aborted + cell.challenger.aborted > 0)
      leave(next, cell, leastOf(named, bets, before, cell.share), areLeftOut);
  }
  return next;
}

function multiply(parts: number[], factors: readonly number[]): void {
  for (let i = 0; i < parts.length; i++) parts[i] = tidy(parts[i]! * factors[i]!);
}

/** Beyond this a factor is taken as this: less than the truth, so valid, and finite. */
const LARGEST_LOG = 600;

/** What the cell's ended units multiply each part with; null when none ended. */
function factorsOf(table: FactorTable, champion: TestArm, challenger: TestArm): readonly number[] | null {
  const ended = champion.ended + challenger.ended;
  if (ended === 0) return null;
  if (ended === 1) {
    const loss = champion.loss + challenger.loss;
    const good = champion.ended === 1 ? CHAMPION_GOOD : challenger.ended === 1 ? CHALLENGER_GOOD : -1;
    if (good >= 0 && loss === 0) return table.linear[good]!;
    if (good >= 0 && loss === 1) return table.linear[good + 1]!;
  }
  const { log } = table;
  return log[0]!.map((_, i) => {
    const sum =
      armLogFactor({ good: log[CHAMPION_GOOD]![i]!, bad: log[CHAMPION_BAD]![i]! }, countOf(champion)) +
      armLogFactor({ good: log[CHALLENGER_GOOD]![i]!, bad: log[CHALLENGER_BAD]![i]! }, countOf(challenger));
    return Math.exp(Math.min(LARGEST_LOG, sum));
  });
}

function countOf({ ended, loss }: TestArm): ArmCount {
  return { units: ended, loss };
}

function leave(
  next: Wealth,
  { champion, challenger }: TestCell,
  least: FactorTable["least"],
  areLeftOut: boolean,
): void {
  const costs = next.bets.map(
    (_, i) => champion.aborted * least.champion[i]! + challenger.aborted * least.challenger[i]!,
  );
  if (areLeftOut) {
    next.leftOut = costs.map((cost, i) => cost + (next.leftOut?.[i] ?? 0));
    return;
  }
  const factors = costs.map((cost) => Math.exp(cost));
  multiply(next.bets, factors);
  if (next.fresh !== null) multiply(next.fresh, factors);
}

/** Per arm and alternative the least under the bets now and those before, which a unit may belong to. */
function leastOf(test: NamedTest, bets: Bets, before: Bets | null, share: number): FactorTable["least"] {
  const { least } = factorTable(bets, test.test, test.hypothesis, share);
  if (before === null) return least;
  const old = factorTable(before, test.test, test.hypothesis, share).least;
  return {
    champion: least.champion.map((value, i) => Math.min(value, old.champion[i]!)),
    challenger: least.challenger.map((value, i) => Math.min(value, old.challenger[i]!)),
  };
}

/**
 * What of the wealth may be counted while units are under way: each of them as the outcome that speaks least, under the
 * bets now or (those older than a crossing) before; and the older ones among those that ended, see Crossing.
 */
export function hold(
  wealth: Wealth,
  named: NamedTest,
  bets: Bets,
  cells: readonly TestCell[],
  crossing: { at: Crossing; before: Bets | null } | null,
): Wealth {
  if (crossing === null && !isUnderWay(cells))
    return wealth.held === null ? wealth : { ...wealth, held: null };
  const pending = wealth.bets.map(() => 0);
  for (const { share, champion, challenger } of cells) {
    if (champion.pending + challenger.pending === 0) continue;
    const least = leastOf(named, bets, crossing?.before ?? null, share);
    for (let i = 0; i < pending.length; i++) {
      pending[i]! += champion.pending * least.champion[i]! + challenger.pending * least.challenger[i]!;
    }
  }
  const held = { bets: pending, fresh: pending.slice() };
  if (crossing !== null)
    holdForCrossing(held, crossing.at, named.hypothesis, named.test, bets, crossing.before);
  return { ...wealth, held };
}

/** True while a drawn unit hasn't ended. */
export function isUnderWay(cells: readonly TestCell[]): boolean {
  for (const { champion, challenger } of cells) if (champion.pending + challenger.pending > 0) return true;
  return false;
}
