import type { World } from "../play.ts";
import { DEADLINE, ERRORS } from "../policies.ts";
import type { Random } from "../random.ts";
import {
  bursts,
  heavyTailed,
  type Labels,
  logNormal,
  sharedSlowness,
  steady,
  swing,
  varying,
} from "../worlds.ts";

/** What the rows of validity and their invalid twins have in common. */

/** Errors of the champion, and what a challenger at the margin adds. */
export const BASE = 0.01;
export const MARGIN = ERRORS.worseBy;

export const errorsAt = (champion: number, challenger: number) => (arm: string) =>
  arm === "champion" ? champion : challenger;

const soon = (_isWrong: boolean, uniform: number) => -60 * Math.log1p(-uniform);

/** Labels of a part of the answers, a minute late on average unless `delay` says otherwise. */
export function labelsAt(
  champion: number,
  challenger: number,
  known: number,
  delay: Labels["delay"] = soon,
): Labels {
  return { wrong: errorsAt(champion, challenger), known, delay };
}

/** Errors 1 % and `extra`, log-normal latency and `slower`, 30 % of the answers labelled, wrong 10 % and `wrong`. */
export function allMetrics(rate: number, extra: number, slower: number, wrong: number): World {
  return steady(rate, {
    failure: errorsAt(BASE, BASE + extra),
    latency: (arm, _at, uniform) => logNormal(uniform, arm === "champion" ? 50 : 50 * slower, 0.5),
    labels: labelsAt(0.1, 0.1 + wrong, 0.3),
  });
}

/** A day of two hours: errors from 0.2 to 5 %, traffic from a third to three times the rate, bursts of both. */
export function day(random: Random, rate: number, extra: number): World {
  const phase = random.next();
  const isBurst = bursts(random, 900, 30);
  const errors = swing(0.002, 0.05, DEADLINE, phase);
  const traffic = swing(rate / 3, rate * 3, DEADLINE, phase);
  const failing = (at: number) => Math.min(0.3, errors(at) * (isBurst(at) ? 5 : 1));
  return varying(12 * rate, (at) => traffic(at) * (isBurst(at) ? 4 : 1), {
    failure: (arm, at) => failing(at) + (arm === "challenger" ? extra : 0),
  });
}

/** Twenty requests of each caller in the two hours; one caller in fifty always fails, the others one in two hundred. */
export function sticky(rate: number, extra: number): World {
  const failure = (arm: string, caller: number) => {
    const own = caller % 50 === 0 ? 1 - MARGIN : 0.005;
    return arm === "challenger" ? own + extra : own;
  };
  return steady(rate, { failure: (arm, _at, caller) => failure(arm, caller) }, (rate * DEADLINE) / 20);
}

/** Heavy-tailed times, slow periods and bursts that both variants share; the challenger's times are `ratio` as long. */
export function slowTimes(random: Random, rate: number, ratio: number): World {
  const slowness = sharedSlowness(random, 0.5);
  const isBurst = bursts(random, 600, 20);
  return steady(rate, {
    latency: (arm, at, uniform) =>
      heavyTailed(uniform, 50) * slowness(at) * (isBurst(at) ? 4 : 1) * (arm === "challenger" ? ratio : 1),
  });
}

/** Wrong answers are found out 40 minutes later than right ones are confirmed. */
export const laterWhenWrong: Labels["delay"] = (isWrong, uniform) => (isWrong ? 2400 : 0) + 300 * uniform;
/** Longer than that: `within` of the metric that takes them rightly. Milliseconds. */
export const LATEST = 2_700_000;
