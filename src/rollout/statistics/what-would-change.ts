import type { RolloutPolicy } from "../../spec/project.ts";
import { CHALLENGER_BAD, CHALLENGER_GOOD, CHAMPION_BAD, CHAMPION_GOOD, factorTables } from "./bets.ts";
import { type EProcessState, readState } from "./e-process-state.ts";
import { hypothesesOf, type MetricState } from "./metric-state.ts";
import { leftHarm } from "./left-test.ts";
import { grouped } from "./sentence.ts";
import { combinedHarm, marginsLevel, wealthOf } from "./verdict.ts";
import type { Wealth } from "./wealth.ts";

/** Units of the challenger; null where no number of them would do, or none is known. */
export interface MetricChange {
  metric: string;
  /** That fail (are slow, are wrong), with nothing else happening, until it is taken out. */
  failuresToRollBack: number | null;
  /** Without a failure, beside a champion as it is, until this metric no longer keeps it from the next step. */
  goodToAdvance: number | null;
  /** The same until it no longer keeps it from promotion. */
  goodToPromote: number | null;
  /** As they have come so far, in both arms, until promotion. */
  presentToPromote: number | null;
}

export interface WhatWouldChange {
  metrics: MetricChange[];
  /** One English sentence each. */
  sentences: string[];
}

/** How a person calls the versions. */
interface Names {
  challenger: string;
  champion: string;
}

/** Where the version is: what good answers lead to. Left out: at a step that it may leave by itself. */
interface Place {
  /** It gets copies only, which promote nothing. */
  isShadow?: boolean;
  /** Nothing goes on before a person says so. */
  isHeld?: boolean;
  /** The yes that the policy's approval asks for was said. */
  isApproved?: boolean;
}

/** More units than this are no answer to anybody. */
const MOST = 1e8;

/**
 * What would change the verdict, from a state: the wealth is moved on by the expected logarithm of further units and
 * the first number is searched at which a threshold is reached. Numbers of failures alone are exact for the bets in
 * force (what is under way and the cash that moves aside); the others are typical values, no promise. Pure.
 */
export function whatWouldChange(
  state: EProcessState,
  policy: RolloutPolicy,
  step: number,
  names: Names,
  place: Place = {},
): WhatWouldChange {
  const { share } = state;
  const entries = Object.entries(state.metrics);
  const harms = entries.map(([, metric]) => wealthOf(metric)[0] ?? 0);
  const metrics = entries.map(([name, metric], j): MetricChange => {
    const unknown = { metric: name, failuresToRollBack: null };
    const isSilent = metric.bets === null || metric.arrival?.differ === true || share === null;
    if (isSilent) return { ...unknown, goodToAdvance: null, goodToPromote: null, presentToPromote: null };
    const others = harms.map((harm, i) => (i === j ? 0 : harm));
    const enough = 1 / policy.falsePromotionRate;
    const level = marginsLevel(policy, step);
    const until = (test: number, growth: number[], limit: number): number | null =>
      firstReaching((units) => after(metric.tests[test]!, growth, units) >= limit);
    const bad = growthOf(metric, 0, share, { champion: null, challenger: 1 });
    const good = { champion: rateOf(metric), challenger: 0 };
    const present = { champion: rateOf(metric), challenger: presentRate(metric) };
    return {
      metric: name,
      failuresToRollBack: firstReaching((units) => {
        const harm = after(metric.tests[0]!, bad, units);
        return (
          combinedHarm(
            others.map((value, i) => (i === j ? harm : value)),
            leftHarm(state.left),
          ) >=
          1 / policy.falseRollbackRate
        );
      }),
      goodToAdvance: until(level + 1, growthOf(metric, level + 1, share, good), enough),
      goodToPromote: until(1, growthOf(metric, 1, share, good), enough),
      presentToPromote: until(1, growthOf(metric, 1, share, present), enough),
    };
  });
  const goal = goalOf(policy, step, place);
  const left = metrics.map((change) => goodTo(goal, change) !== 0);
  const sentences = metrics.flatMap((change, j) => {
    const isAlone = left.every((isLeft, i) => i === j || !isLeft);
    return sentencesOf(change, entries[j]![1], names, { goal, isAlone });
  });
  return { metrics, sentences };
}

/** The sentences of a stored state; none of one that can't be read. */
export function changeSentences(
  stored: unknown,
  policy: RolloutPolicy,
  step: number,
  names: Names,
  place: Place = {},
): string[] {
  const state = readState(stored);
  return state === null ? [] : whatWouldChange(state, policy, step, names, place).sentences;
}

/** What the next thing is that good answers are needed for. */
interface Goal {
  of: "step" | "promotion";
  /** What follows by itself once every metric is clear, as a verb and the rest; null: nothing does. */
  follows: [verb: string, rest: string] | null;
}

function goalOf(policy: RolloutPolicy, step: number, { isShadow, isHeld, isApproved }: Place): Goal {
  const isLast = isShadow === true || step >= policy.steps.length - 1;
  const of = isLast ? "promotion" : "step";
  if (isShadow === true || isHeld === true) return { of, follows: null };
  if (!isLast) return { of, follows: ["take", "it to the next step"] };
  const waits = policy.approval !== "none" && isApproved !== true;
  return { of, follows: waits ? ["clear", `it for the yes of ${policy.approval}`] : ["promote", "it"] };
}

function goodTo({ of }: Goal, change: MetricChange): number | null {
  return of === "step" ? change.goodToAdvance : change.goodToPromote;
}

/** The champion's loss rate that the bets assume. */
function rateOf({ bets }: MetricState): number {
  return bets?.q0 ?? 0;
}

function presentRate({ challenger, bets }: MetricState): number {
  return challenger.units > 0 ? challenger.loss / challenger.units : (bets?.q0 ?? 0);
}

/**
 * Expected logarithm per alternative of one unit of the challenger with this loss rate, and of the champion's units that
 * come beside it, (1 - share) / share of them; `champion: null`: none come.
 */
function growthOf(
  metric: MetricState,
  test: number,
  share: number,
  rates: { champion: number | null; challenger: number },
): number[] {
  const { log } = factorTables(metric.bets!, hypothesesOf(metric.kind, metric.margin), share)[test]!;
  const beside = rates.champion === null ? 0 : (1 - share) / share;
  const p0 = rates.champion ?? 0;
  return log[CHAMPION_GOOD]!.map(
    (good, i) =>
      beside * ((1 - p0) * good + p0 * log[CHAMPION_BAD]![i]!) +
      (1 - rates.challenger) * log[CHALLENGER_GOOD]![i]! +
      rates.challenger * log[CHALLENGER_BAD]![i]!,
  );
}

function after({ cash, bets, fresh, held }: Wealth, growth: readonly number[], units: number): number {
  let sum = cash;
  for (const [i, part] of bets.entries()) {
    const now = part * Math.exp(held?.bets[i] ?? 0) + (fresh?.[i] ?? 0) * Math.exp(held?.fresh[i] ?? 0);
    sum += now * Math.exp(Math.min(600, units * growth[i]!));
  }
  return sum;
}

/** The least number of units at which it holds, null when MOST don't do. Sums of exponentials may dip before they rise. */
function firstReaching(holds: (units: number) => boolean): number | null {
  let high = 0;
  while (!holds(high)) {
    if (high >= MOST) return null;
    high = high === 0 ? 1 : high * 2;
  }
  let low = Math.floor(high / 2);
  while (low + 1 < high) {
    const middle = Math.floor((low + high) / 2);
    if (holds(middle)) high = middle;
    else low = middle;
  }
  return high;
}

const WORDS = {
  errors: { bad: "failed request", good: "answer", without: "without a failure" },
  latency: { bad: "slow answer", good: "answer", without: "without a slow one" },
  labels: { bad: "wrong answer", good: "labelled answer", without: "without a wrong one" },
};

function sentencesOf(
  change: MetricChange,
  metric: MetricState,
  names: Names,
  { goal, isAlone }: { goal: Goal; isAlone: boolean },
): string[] {
  const words = WORDS[metric.kind];
  const of = metric.kind === "labels" ? ` (${change.metric})` : "";
  if (metric.arrival?.differ)
    return [`labels come more often for one version than for the other: ${change.metric} can't be decided`];
  if (metric.bets === null) return [`too few answers of ${names.champion} are known to say what is slow`];
  const sentences: string[] = [];
  const { failuresToRollBack: failures } = change;
  const good = goodTo(goal, change);
  if (failures !== null && failures > 0)
    sentences.push(
      `${grouped(failures)} more ${plural(words.bad, failures)} of ${names.challenger} with none of ` +
        `${names.champion} ${failures === 1 ? "takes" : "take"} it out${of}`,
    );
  // One metric of several keeps nothing from happening by itself.
  const cleared = `${change.metric}${goal.of === "step" ? " for the next step" : ""}`;
  const follows = isAlone ? goal.follows : null;
  const [verb, rest] = follows ?? ["clear", cleared];
  if (good !== null && good > 0)
    sentences.push(
      `about ${grouped(rounded(good))} more ${plural(words.good, good)} of ${names.challenger} ${words.without} ` +
        `${good === 1 ? `${verb}s` : verb} ${rest}${follows === null ? "" : of}`,
    );
  if (good === null)
    sentences.push(`no number of good answers of ${names.challenger} clears ${cleared} at this share`);
  return sentences;
}

function plural(word: string, count: number): string {
  return count === 1 ? word : `${word}s`;
}

/** Two leading digits: more of an estimate is no information. */
function rounded(value: number): number {
  const unit = 10 ** Math.max(0, Math.floor(Math.log10(value)) - 1);
  return Math.round(value / unit) * unit;
}
