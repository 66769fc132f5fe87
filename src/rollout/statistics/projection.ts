import type { ArmCount } from "../judge.ts";
import { edge, type Hypothesis } from "./hypothesis.ts";

/** Natural logarithms of what a unit multiplies the wealth with, per arm, for loss 0 (`good`) and loss 1 (`bad`). */
export interface UnitFactors {
  champion: { good: number; bad: number };
  challenger: { good: number; bad: number };
}

const BISECTIONS = 60;

/**
 * Reverse information projection of the alternative (q0, q1) on the null, for a unit that goes to the challenger
 * with probability `share`: the point of the null's edge that minimises
 * share * KL(q1 || p1) + (1 - share) * KL(q0 || p0). The objective is convex along the edge, its derivative
 * changes sign between p0 = q0 and the p0 whose edge is q1, and is bisected there.
 *
 * Source: Grunwald, de Heide, Koolen, "Safe Testing"; Turner, Ly, Grunwald, "Generic E-variables for exact
 * sequential k-sample tests that allow for optional stopping".
 */
export function projectOnNull(
  hypothesis: Hypothesis,
  share: number,
  q0: number,
  q1: number,
): { p0: number; p1: number } {
  const { ratio, margin } = hypothesis;
  const twin = (q1 - margin) / ratio;
  let low = Math.max(0, Math.min(q0, twin));
  let high = Math.min(Math.max(q0, twin), (1 - margin) / ratio, 1);
  for (let i = 0; i < BISECTIONS; i++) {
    const p0 = (low + high) / 2;
    const p1 = edge(hypothesis, p0);
    const slope = share * ratio * divergenceSlope(q1, p1) + (1 - share) * divergenceSlope(q0, p0);
    if (slope > 0) high = p0;
    else low = p0;
  }
  const p0 = (low + high) / 2;
  return { p0, p1: edge(hypothesis, p0) };
}

/** d/dp KL(q || p) for Bernoulli rates. */
function divergenceSlope(q: number, p: number): number {
  return (1 - q) / (1 - p) - q / p;
}

/**
 * The factor of a unit in arm a with loss y: (1-q_a)/(1-p*_a) + y * [q_a/p*_a - (1-q_a)/(1-p*_a)].
 * At the projection the derivative of the objective towards every (p0, p1) of the null is at least 0, which is
 * the statement that the expectation of this factor, over the random arm and y, is at most 1 under it. It is
 * linear in y, so this holds for every y in [0, 1] with mean p_a.
 */
export function unitFactors(hypothesis: Hypothesis, share: number, q0: number, q1: number): UnitFactors {
  const { p0, p1 } = projectOnNull(hypothesis, share, q0, q1);
  return {
    champion: { good: Math.log1p(-q0) - Math.log1p(-p0), bad: Math.log(q0) - Math.log(p0) },
    challenger: { good: Math.log1p(-q1) - Math.log1p(-p1), bad: Math.log(q1) - Math.log(p1) },
  };
}

/**
 * Logarithm of what an arm's units multiply the wealth with, from their number and the sum of their losses.
 * Exact when every loss is 0 or 1. Otherwise the product over units isn't known from the sum; the logarithm of a
 * unit's factor is concave in its loss, so for a given sum the product is smallest when all losses but one are 0
 * or 1: that smallest product is taken, which keeps the wealth at or below the true one, hence valid.
 */
export function armLogFactor(factors: { good: number; bad: number }, count: ArmCount): number {
  return armLog(factors.good, factors.bad, count.units, count.loss);
}

/** The same from plain numbers. */
export function armLog(good: number, bad: number, units: number, loss: number): number {
  const whole = Math.floor(loss);
  const part = loss - whole;
  if (part === 0) return whole * bad + (units - whole) * good;
  return (
    whole * bad +
    (units - whole - 1) * good +
    Math.log(Math.exp(good) + part * (Math.exp(bad) - Math.exp(good)))
  );
}
