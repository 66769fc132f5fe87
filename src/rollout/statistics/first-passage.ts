/** Mean and variance of a random walk that has gone on for some time. */
export interface Walk {
  mean: number;
  variance: number;
}

/** A stretch of time in which the walk gains `mean` and `variance` a second; the last one may be endless. */
export interface Stretch extends Walk {
  seconds: number;
}

/** Longer than this is called never: a thousand years. */
const NEVER_SECONDS = 3.2e10;
const BISECTIONS = 60;

/**
 * Median of the time at which a walk first reaches `barrier`, in seconds; Infinity when it doesn't by half.
 * Exact for Brownian motion with drift, where P(reached by t) is
 * Phi((m-b)/sqrt(v)) + exp(2bm/v) * Phi(-(m+b)/sqrt(v)) with m and v at t (the inverse Gaussian distribution,
 * Folks and Chhikara 1978); an approximation where drift and variance change in proportions that differ.
 */
export function medianPassage(start: Walk, stretches: readonly Stretch[], barrier: number): number {
  let before = 0;
  let walk = start;
  if (barrier <= walk.mean) return 0;
  for (const stretch of stretches) {
    const seconds = Math.min(stretch.seconds, NEVER_SECONDS);
    const end = after(walk, stretch, seconds);
    if (reached(end, barrier) >= 0.5) return before + within(walk, stretch, seconds, barrier);
    walk = end;
    before += stretch.seconds;
  }
  return Infinity;
}

/** Where a walk stands after `seconds` of a stretch. */
export function after(walk: Walk, stretch: Walk, seconds: number): Walk {
  return {
    mean: walk.mean + stretch.mean * seconds,
    variance: walk.variance + stretch.variance * seconds,
  };
}

function within(walk: Walk, stretch: Walk, seconds: number, barrier: number): number {
  let low = 0;
  let high = seconds;
  for (let i = 0; i < BISECTIONS; i++) {
    // Times of interest span ten orders of magnitude: halve their logarithm once the low end is known.
    const middle = low > 0 ? Math.sqrt(low * high) : high / 1000;
    if (reached(after(walk, stretch, middle), barrier) >= 0.5) high = middle;
    else low = middle;
    if (high < 1e-6) return 0;
  }
  return high;
}

function reached({ mean, variance }: Walk, barrier: number): number {
  if (variance <= 0) return mean >= barrier ? 1 : 0;
  const root = Math.sqrt(2 * variance);
  const direct = 0.5 * erfc((barrier - mean) / root);
  const x = (mean + barrier) / root;
  // exp(2bm/v) * Phi(-x * sqrt(2)) without the overflow of its first factor.
  const reflected = 0.5 * scaledErfc(x) * Math.exp(-(((mean - barrier) / root) ** 2));
  return direct + reflected;
}

/** erfc(x) * exp(x * x); Abramowitz and Stegun 7.1.26 for x >= 0, error below 1.5e-7 in erfc. */
function scaledErfc(x: number): number {
  if (x < 0) return 2 * Math.exp(Math.min(700, x * x)) - scaledErfc(-x);
  const t = 1 / (1 + 0.3275911 * x);
  const series =
    t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  return series;
}

function erfc(x: number): number {
  return x < 0 ? 2 - erfc(-x) : scaledErfc(x) * Math.exp(-x * x);
}
