import type { Estimate } from "./evidence.ts";
import type { ArmCount } from "./judge.ts";

/** Two-sided 95 % of the normal distribution. */
const Z = 1.959964;

/**
 * The rate of a loss with its 95 % interval by Wilson's score (1927): (p + z²/2n ± z sqrt(p(1-p)/n + z²/4n²)) / (1 + z²/n).
 * Of losses between 0 and 1 that aren't only 0 or 1 the interval is too wide rather than too narrow. Null without units.
 */
export function estimateOf({ units, loss }: ArmCount): Estimate {
  if (!(units > 0)) return null;
  const rate = Math.min(1, Math.max(0, loss / units));
  const square = (Z * Z) / units;
  const middle = rate + square / 2;
  const width = Math.sqrt(square * rate * (1 - rate) + (square * square) / 4);
  return {
    rate,
    low: Math.max(0, Math.min(rate, (middle - width) / (1 + square))),
    high: Math.min(1, Math.max(rate, (middle + width) / (1 + square))),
  };
}
