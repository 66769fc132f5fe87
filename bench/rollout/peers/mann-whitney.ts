import { normalQuantile } from "../random.ts";

/** Confidence interval of the shift between two samples, and the Hodges-Lehmann estimate of it. */
export interface Shift {
  low: number;
  high: number;
  estimate: number;
}

/** To which a shift is found: the accuracy that Kayenta gives its root finder. */
export const ROOT_ACCURACY = 1e-4;

/**
 * The asymptotic two-sample interval of R's wilcox.test, as Kayenta computes it (spinnaker/kayenta,
 * kayenta-mannwhitney/.../MannWhitney.scala, "Derived from the R Wilcoxon Test implementation"): the shifts of the
 * experiment at which the standardised, continuity-corrected rank sum crosses the normal quantiles. Undefined where all observations are tied at a shift that is tried, which Kayenta reports
 * as an error.
 */
export function mannWhitneyShift(
  experiment: readonly number[],
  control: readonly number[],
  confidence: number,
): Shift | undefined {
  const lowest = Math.min(...experiment) - Math.max(...control);
  const highest = Math.max(...experiment) - Math.min(...control);
  const z = normalQuantile((1 - confidence) / 2);
  const root = (quantile: number): number => {
    const difference = (shift: number) => standardised(experiment, control, shift) - quantile;
    if (!(difference(lowest) > 0)) return lowest;
    if (!(difference(highest) < 0)) return highest;
    let low = lowest;
    let high = highest;
    while (high - low > ROOT_ACCURACY) {
      const middle = (low + high) / 2;
      if (difference(middle) > 0) low = middle;
      else high = middle;
    }
    return (low + high) / 2;
  };
  const shift = { low: root(-z), high: root(z), estimate: root(0) };
  return Number.isNaN(shift.low + shift.high + shift.estimate) ? undefined : shift;
}

/** Rank sum of the experiment moved back by `shift`, standardised with corrections for continuity and ties. */
function standardised(experiment: readonly number[], control: readonly number[], shift: number): number {
  const n = experiment.length;
  const m = control.length;
  const all = [
    ...experiment.map((value) => ({ value: value - shift, isExperiment: true })),
    ...control.map((value) => ({ value, isExperiment: false })),
  ].sort((a, b) => a.value - b.value);
  let rankSum = 0;
  let ties = 0;
  for (let i = 0; i < all.length;) {
    let end = i + 1;
    while (end < all.length && all[end]!.value === all[i]!.value) end++;
    const count = end - i;
    const rank = (i + 1 + end) / 2;
    for (let j = i; j < end; j++) if (all[j]!.isExperiment) rankSum += rank;
    ties += count ** 3 - count;
    i = end;
  }
  const difference = rankSum - (n * (n + 1)) / 2 - (n * m) / 2;
  const variance = ((n * m) / 12) * (n + m + 1 - ties / ((n + m) * (n + m - 1)));
  if (variance === 0) return Number.NaN;
  return (difference - Math.sign(difference) * 0.5) / Math.sqrt(variance);
}
