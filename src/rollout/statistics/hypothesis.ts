/**
 * A null hypothesis about the champion's rate p0 and the challenger's rate p1, bounded by the line
 * p1 = ratio * p0 + margin. `within`: p1 is on or below the line (rejected to roll back). `beyond`: p1 is on or
 * above it (rejected to promote, or to go on to the next step). Both are convex sets of (p0, p1).
 */
export interface Hypothesis {
  /** 1 + relative margin. */
  ratio: number;
  /** Absolute margin as a fraction: 0.005 is half a percentage point. */
  margin: number;
  side: "within" | "beyond";
}

/** The challenger's rate on the null's edge, given the champion's. May exceed 1: then nothing lies beyond it. */
export function edge(hypothesis: Hypothesis, p0: number): number {
  return hypothesis.ratio * p0 + hypothesis.margin;
}

/** One way to bet against the null: the challenger's rate is `q1`. Undefined: no bet, the stake keeps its value. */
export type Alternative = number | undefined;

/** Alternatives per process; the wealth has as many parts. */
const ALTERNATIVES = 12;

/** Odds ratios to the edge, log-spaced: from 1.25 (2 % against an edge of 1.6 %) to 100 (60 % against 1.5 %). */
const WORSE = logSpaced(1.25, 100, ALTERNATIVES);
const BETTER = logSpaced(1.15, 30, ALTERNATIVES - 1);

/** Prior shares of the stake, same order as `alternatives()`; they sum to 1. */
export function stakes(hypothesis: Hypothesis): number[] {
  if (hypothesis.side === "within") return WORSE.map(() => 1 / ALTERNATIVES);
  // A version that changes nothing is the usual case, so half of the stake says "equal".
  return [0.5, ...BETTER.map(() => 0.5 / BETTER.length)];
}

/** Edges nearer to 1 are not bet on: 1 - p loses its digits there, and with them the factors their validity. */
const HIGHEST_EDGE = 0.99;

/**
 * The champion's rate that bets assume when it is measured as `q0`: lower where the edge would leave [0, 1], which
 * a bet may, since its validity needs nothing of q0. Undefined when the margin leaves no room at all.
 */
export function assumedRate(hypothesis: Hypothesis, q0: number): number | undefined {
  const highest = (HIGHEST_EDGE - hypothesis.margin) / hypothesis.ratio;
  return highest <= 0 ? undefined : Math.min(q0, highest);
}

/** The challenger's rates that are bet on while the champion's is taken as `q0`: all outside the null. */
export function alternatives(hypothesis: Hypothesis, q0: number): Alternative[] {
  const line = edge(hypothesis, q0);
  if (hypothesis.side === "within") {
    return WORSE.map((ratio) => scaleOdds(line, ratio));
  }
  return [line > q0 ? q0 : undefined, ...BETTER.map((ratio) => scaleOdds(line, 1 / ratio))];
}

function scaleOdds(rate: number, ratio: number): Alternative {
  if (rate <= 0) return undefined;
  const odds = (rate / (1 - rate)) * ratio;
  return odds / (1 + odds);
}

function logSpaced(from: number, to: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => from * (to / from) ** (i / (count - 1)));
}
