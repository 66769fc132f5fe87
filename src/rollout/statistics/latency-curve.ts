/** Percentiles in milliseconds. */
export interface KnownLatency {
  p50: number;
  p95: number;
  p99: number;
}

/** Standard normal quantiles of 0.5, 0.95 and 0.99. */
const SCORES = [0, 1.6448536, 2.3263479] as const;
/** Of logarithms, per standard deviation: equal percentiles still have an order. */
const LEAST_SLOPE = 0.01;

/**
 * A distribution of latencies through three percentiles: log-normal between them, and as steep beyond the outer ones
 * as between the two that are next. Real tails differ; it serves forecasts only.
 */
export class LatencyCurve {
  readonly #logs: readonly [number, number, number];

  constructor({ p50, p95, p99 }: KnownLatency) {
    const first = Math.log(Math.max(p50, 0.01));
    const second = Math.max(Math.log(Math.max(p95, 0.01)), first + LEAST_SLOPE * SCORES[1]);
    const third = Math.max(Math.log(Math.max(p99, 0.01)), second + LEAST_SLOPE * (SCORES[2] - SCORES[1]));
    this.#logs = [first, second, third];
  }

  /** Milliseconds below which the share `probability` lies. */
  quantile(probability: number): number {
    const score = normalQuantile(probability);
    const [a, b, c] = this.#logs;
    if (score < SCORES[1]) return Math.exp(a + ((b - a) * score) / SCORES[1]);
    return Math.exp(b + ((c - b) * (score - SCORES[1])) / (SCORES[2] - SCORES[1]));
  }

  /** Share of requests that take longer than `milliseconds`. */
  slower(milliseconds: number): number {
    const log = Math.log(Math.max(milliseconds, 1e-6));
    const [a, b, c] = this.#logs;
    const score =
      log < b
        ? ((log - a) / (b - a)) * SCORES[1]
        : SCORES[1] + ((log - b) / (c - b)) * (SCORES[2] - SCORES[1]);
    return 1 - normalCumulative(score);
  }
}

/** Abramowitz and Stegun 26.2.17, error below 7.5e-8. */
function normalCumulative(z: number): number {
  if (z < 0) return 1 - normalCumulative(-z);
  const t = 1 / (1 + 0.2316419 * z);
  const series =
    t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  return 1 - (series * Math.exp((-z * z) / 2)) / Math.sqrt(2 * Math.PI);
}

function normalQuantile(probability: number): number {
  let low = -8;
  let high = 8;
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (normalCumulative(middle) < probability) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}
