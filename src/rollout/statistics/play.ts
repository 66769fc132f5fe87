import {
  type Bets,
  CHALLENGER_BAD,
  CHALLENGER_GOOD,
  CHAMPION_BAD,
  CHAMPION_GOOD,
  factorTables,
  type FactorTable,
} from "./bets.ts";
import { type Crossing, holdForCrossing } from "./crossing.ts";
import type { Hypothesis } from "./hypothesis.ts";
import type { TestArm, TestCell } from "./outcomes-of-test.ts";
import { armLog } from "./projection.ts";
import { tidy, type Wealth } from "./wealth.ts";

/**
 * Plays an interval's ended units on the bets: each part of the wealth of each test is multiplied by its factor for every
 * unit, factor^count for counts. `seen`: the interval's cells as each test sees them, the same cells in the same order.
 * `before`: bets that some of the units may have been assigned under. `areLeftOut`: units left by their callers are left
 * out (what they would cost is noted); otherwise each counts as the outcome that speaks least against the null, as does
 * every unit that the platform itself has stopped.
 */
export function play(
  tests: readonly Wealth[],
  hypotheses: readonly Hypothesis[],
  bets: Bets,
  before: Bets | null,
  seen: readonly (readonly TestCell[])[],
  areLeftOut: boolean,
): void {
  const count = seen[0]!.length;
  for (let at = 0; at < count; at++) {
    const { share } = seen[0]![at]!;
    const tables = factorTables(bets, hypotheses, share);
    for (let test = 0; test < tests.length; test++) {
      const wealth = tests[test]!;
      const cell = seen[test]![at]!;
      const { champion, challenger } = cell;
      const single = singleOf(champion, challenger);
      if (single >= 0) multiply(wealth, tables[test]!.linear[single]!);
      else if (champion.ended + challenger.ended > 0)
        multiplyCounts(wealth, tables[test]!, champion, challenger);
      if (champion.aborted + challenger.aborted > 0)
        leave(
          wealth,
          { champion: champion.aborted, challenger: challenger.aborted },
          leastOf(hypotheses, test, bets, before, share),
          areLeftOut,
        );
      if ((champion.stopped ?? 0) + (challenger.stopped ?? 0) > 0)
        leave(
          wealth,
          { champion: champion.stopped ?? 0, challenger: challenger.stopped ?? 0 },
          leastOf(hypotheses, test, bets, before, share),
          false,
        );
    }
  }
}

/** The outcome of the cell's one unit; -1 when there is none, are more, or it is neither good nor bad. */
function singleOf(champion: TestArm, challenger: TestArm): number {
  if (champion.ended + challenger.ended !== 1) return -1;
  const good = champion.ended === 1 ? CHAMPION_GOOD : challenger.ended === 1 ? CHALLENGER_GOOD : -1;
  const loss = champion.loss + challenger.loss;
  return good >= 0 && (loss === 0 || loss === 1) ? good + loss : -1;
}

function multiply({ bets, fresh }: Wealth, factors: Float64Array): void {
  for (let i = 0; i < bets.length; i++) bets[i] = tidy(bets[i]! * factors[i]!);
  if (fresh !== null) for (let i = 0; i < fresh.length; i++) fresh[i] = tidy(fresh[i]! * factors[i]!);
}

/** Beyond this a factor is taken as this: less than the truth, so valid, and finite. */
const LARGEST_LOG = 600;

function multiplyCounts(
  { bets, fresh }: Wealth,
  { log }: FactorTable,
  champion: TestArm,
  challenger: TestArm,
): void {
  for (let i = 0; i < bets.length; i++) {
    const sum =
      armLog(log[CHAMPION_GOOD]![i]!, log[CHAMPION_BAD]![i]!, champion.ended, champion.loss) +
      armLog(log[CHALLENGER_GOOD]![i]!, log[CHALLENGER_BAD]![i]!, challenger.ended, challenger.loss);
    const factor = Math.exp(Math.min(LARGEST_LOG, sum));
    bets[i] = tidy(bets[i]! * factor);
    if (fresh !== null) fresh[i] = tidy(fresh[i]! * factor);
  }
}

function leave(
  wealth: Wealth,
  { champion, challenger }: { champion: number; challenger: number },
  least: FactorTable["least"],
  areLeftOut: boolean,
): void {
  const costs = wealth.bets.map((_, i) => champion * least.champion[i]! + challenger * least.challenger[i]!);
  if (areLeftOut) wealth.leftOut = costs.map((cost, i) => cost + (wealth.leftOut?.[i] ?? 0));
  else
    multiply(
      wealth,
      Float64Array.from(costs, (cost) => Math.exp(cost)),
    );
}

/** Per arm and alternative the least under the bets now and those before, which a unit may belong to. */
function leastOf(
  hypotheses: readonly Hypothesis[],
  test: number,
  bets: Bets,
  before: Bets | null,
  share: number,
): FactorTable["least"] {
  const { least } = factorTables(bets, hypotheses, share)[test]!;
  if (before === null || before === bets) return least;
  const old = factorTables(before, hypotheses, share)[test]!.least;
  return {
    champion: least.champion.map((value, i) => Math.min(value, old.champion[i]!)),
    challenger: least.challenger.map((value, i) => Math.min(value, old.challenger[i]!)),
  };
}

/**
 * Notes what of each test's wealth may be counted while units are under way: each of them as the outcome that speaks
 * least, under the bets now or (those older than a crossing) before; and the older ones among those that ended, see Crossing.
 */
export function hold(
  tests: readonly Wealth[],
  hypotheses: readonly Hypothesis[],
  bets: Bets,
  seen: readonly (readonly TestCell[])[],
  crossing: { before: Bets | null; tests: readonly Crossing[] } | null,
): void {
  const isFree = crossing === null && !isUnderWay(seen[0]!);
  for (let test = 0; test < tests.length; test++) {
    const wealth = tests[test]!;
    if (isFree) {
      wealth.held = null;
      continue;
    }
    const held = (wealth.held ??= { bets: wealth.bets.slice(), fresh: wealth.bets.slice() });
    const pending = held.bets.fill(0);
    for (const { share, champion, challenger } of seen[test]!) {
      if (champion.pending + challenger.pending === 0) continue;
      const least = leastOf(hypotheses, test, bets, crossing?.before ?? null, share);
      for (let i = 0; i < pending.length; i++)
        pending[i]! += champion.pending * least.champion[i]! + challenger.pending * least.challenger[i]!;
    }
    for (let i = 0; i < pending.length; i++) held.fresh[i] = pending[i]!;
    if (crossing !== null)
      holdForCrossing(held, crossing.tests[test]!, hypotheses, test, bets, crossing.before);
  }
}

/** True while a drawn unit hasn't ended. */
export function isUnderWay(cells: readonly TestCell[]): boolean {
  for (const { champion, challenger } of cells) if (champion.pending + challenger.pending > 0) return true;
  return false;
}
