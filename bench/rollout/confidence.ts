/**
 * Upper end of the one-sided Clopper-Pearson interval: the rate at which `hits` or fewer of `trials` would be seen
 * with probability 1 - confidence. Exact: the real rate lies below it with at least that confidence.
 */
export function upperBound(hits: number, trials: number, confidence = 0.95): number {
  if (hits >= trials) return 1;
  let low = hits / trials;
  let high = 1;
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (lowerTail(hits, trials, middle) > 1 - confidence) low = middle;
    else high = middle;
  }
  return high;
}

/** P(X <= hits) for X binomial(trials, p), summed downwards from the largest term. */
function lowerTail(hits: number, trials: number, p: number): number {
  let logTerm = hits * Math.log(p) + (trials - hits) * Math.log1p(-p);
  for (let i = 0; i < hits; i++) logTerm += Math.log((trials - i) / (i + 1));
  let term = Math.exp(logTerm);
  let sum = term;
  for (let k = hits; k > 0 && term > sum * 1e-17; k--) {
    term *= ((k / (trials - k + 1)) * (1 - p)) / p;
    sum += term;
  }
  return sum;
}

/** The q-quantile by nearest rank; values that never came count as Infinity. */
export function quantile(values: readonly (number | null)[], q: number): number {
  const sorted = values.map((value) => value ?? Infinity).sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(q * sorted.length) - 1))] ?? Infinity;
}
