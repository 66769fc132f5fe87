import { alternatives, assumedRate, type Hypothesis } from "./hypothesis.ts";
import { unitFactors } from "./projection.ts";
import type { SlowThresholds } from "./slow-thresholds.ts";

/**
 * What is assumed while betting, fixed before the units are assigned that are played on it. Plain JSON; the same
 * object is carried from look to look while it is in force.
 */
export interface Bets {
  /** The champion's loss rate. */
  q0: number;
  /** Of latency: what counts as slow. */
  slow?: SlowThresholds;
  /** Of latency, per test: the rate of a challenger that changes nothing, whose threshold is higher than the champion's. */
  equal?: number[];
}

/** Outcomes of a unit, as indexes into a table. */
export const CHAMPION_GOOD = 0;
export const CHAMPION_BAD = 1;
export const CHALLENGER_GOOD = 2;
export const CHALLENGER_BAD = 3;

/** What a unit multiplies each part of the wealth with: [outcome][alternative]. */
export interface FactorTable {
  linear: readonly Float64Array[];
  /** Natural logarithms. */
  log: readonly (readonly number[])[];
  /** Per arm the logarithm of the outcome that speaks least against the null; never above 0. */
  least: { champion: readonly number[]; challenger: readonly number[] };
}

/** Distinct tables kept; the results don't depend on how many. */
const MOST_TABLES = 4000;
const tables = new Map<string, FactorTable>();
/** By the bets in force, so that a unit costs a look-up and no key. */
const inForce = new WeakMap<Bets, { share: number; tables: readonly FactorTable[] }[]>();
const MOST_SHARES = 32;
/** The tables asked for last, which most often are asked for next. */
let last: { bets: Bets; share: number; tables: readonly FactorTable[] } | null = null;

/** The factors of a metric's tests under these bets, for units drawn at this share. */
export function factorTables(
  bets: Bets,
  hypotheses: readonly Hypothesis[],
  share: number,
): readonly FactorTable[] {
  if (last !== null && last.bets === bets && last.share === share) return last.tables;
  const tables = tablesInForce(bets, hypotheses, share);
  last = { bets, share, tables };
  return tables;
}

function tablesInForce(bets: Bets, hypotheses: readonly Hypothesis[], share: number): readonly FactorTable[] {
  let known = inForce.get(bets);
  if (known === undefined) inForce.set(bets, (known = []));
  for (const entry of known) if (entry.share === share) return entry.tables;
  const tables = hypotheses.map((hypothesis, test) =>
    computed(hypothesis, share, bets.q0, bets.equal?.[test] ?? bets.q0),
  );
  if (known.length >= MOST_SHARES) known.shift();
  known.push({ share, tables });
  return tables;
}

function computed(hypothesis: Hypothesis, share: number, q0: number, equal: number): FactorTable {
  const key = `${hypothesis.side} ${hypothesis.ratio} ${hypothesis.margin} ${share} ${q0} ${equal}`;
  let table = tables.get(key);
  if (!table) {
    if (tables.size >= MOST_TABLES) tables.clear();
    tables.set(key, (table = compute(hypothesis, share, q0, equal)));
  }
  return table;
}

function compute(hypothesis: Hypothesis, share: number, measured: number, equal: number): FactorTable {
  const q0 = assumedRate(hypothesis, measured);
  const log: [number[], number[], number[], number[]] = [[], [], [], []];
  // Without room between the margin and 1 there is no bet: every factor is 1.
  const rates = alternatives(hypothesis, q0 ?? measured, Math.min(equal, q0 ?? measured));
  for (const rate of rates) {
    const q1 = q0 === undefined ? undefined : rate;
    const factors = q1 === undefined ? undefined : unitFactors(hypothesis, share, q0!, q1);
    log[CHAMPION_GOOD].push(factors?.champion.good ?? 0);
    log[CHAMPION_BAD].push(factors?.champion.bad ?? 0);
    log[CHALLENGER_GOOD].push(factors?.challenger.good ?? 0);
    log[CHALLENGER_BAD].push(factors?.challenger.bad ?? 0);
  }
  const least = (good: readonly number[], bad: readonly number[]): number[] =>
    good.map((value, i) => Math.min(0, value, bad[i]!));
  return {
    log,
    linear: log.map((logs) => Float64Array.from(logs, (value) => Math.exp(value))),
    least: {
      champion: least(log[CHAMPION_GOOD], log[CHAMPION_BAD]),
      challenger: least(log[CHALLENGER_GOOD], log[CHALLENGER_BAD]),
    },
  };
}
