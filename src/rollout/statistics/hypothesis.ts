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

/**
 * Distances from the null's edge to the challenger's rates that are bet on, in log-odds. A fault of distance d is
 * found when the evidence tells d from 0, so to the test 0.2 and 0.3 lie as far apart as 2 and 3: the grid is
 * geometric in the distance. Seven tell 1 -> 2 % (0.3 from an edge of 1.5 %) as well as 1 -> 50 % (4.2).
 */
const WORSE = geometric(0.16, 1.7, 7);
const WORSE_STAKES = shares([0.5, 0.9, 1.1, 1.2, 1.1, 1.1, 1.3]);
const BETTER = geometric(0.14, 1.8, 6);
/** A version that changes nothing is the usual case, so this much of the stake says "equal". */
const EQUAL_STAKE = 0.75;
const BETTER_STAKES = [EQUAL_STAKE, ...BETTER.map(() => (1 - EQUAL_STAKE) / BETTER.length)];

/** Prior shares of the stake, same order as `alternatives()`; they sum to 1. */
export function stakes(hypothesis: Hypothesis): readonly number[] {
  return hypothesis.side === "within" ? WORSE_STAKES : BETTER_STAKES;
}

/**
 * Kept out of the bets at the start, so that a fault that begins late still finds money that nothing has eaten. A
 * version that gets better late is nobody's worry.
 */
export function startingCash({ side }: Hypothesis): number {
  return side === "within" ? 0.3 : 0.08;
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

/**
 * The challenger's rates that are bet on while the champion's is taken as `q0`: all outside the null. `equal` is
 * the rate of a challenger that changes nothing; of latency another than q0, since the arms' thresholds differ.
 */
export function alternatives(hypothesis: Hypothesis, q0: number, equal = q0): Alternative[] {
  const line = edge(hypothesis, q0);
  if (hypothesis.side === "within") return WORSE.map((distance) => moveOdds(line, distance));
  return [line > equal ? equal : undefined, ...BETTER.map((distance) => moveOdds(line, -distance))];
}

function moveOdds(rate: number, distance: number): Alternative {
  if (rate <= 0) return undefined;
  const odds = (rate / (1 - rate)) * Math.exp(distance);
  return odds / (1 + odds);
}

function geometric(from: number, ratio: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => from * ratio ** i);
}

function shares(weights: readonly number[]): number[] {
  const sum = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => weight / sum);
}
