/** The two rates of a comparison: champion's and challenger's. */
export interface Rates {
  champion: number;
  challenger: number;
}

/** "The challenger's rate is at most ratio * champion's + margin". */
export interface Null {
  ratio: number;
  margin: number;
}

/**
 * The point of the null's edge that is hardest to tell from `rates`: minimises
 * share * KL(q1 || p1) + (1 - share) * KL(q0 || p0) along p1 = ratio * p0 + margin. Written apart from the product's
 * own projection, by golden section on the convex objective, so that one checks the other.
 */
export function hardestPoint({ ratio, margin }: Null, rates: Rates, share: number): Rates {
  const cost = (p0: number) => {
    const p1 = ratio * p0 + margin;
    return share * divergence(rates.challenger, p1) + (1 - share) * divergence(rates.champion, p0);
  };
  let low = Math.max(1e-12, Math.min(rates.champion, (rates.challenger - margin) / ratio));
  let high = Math.min(Math.max(rates.champion, (rates.challenger - margin) / ratio), (1 - margin) / ratio);
  const golden = (Math.sqrt(5) - 1) / 2;
  for (let i = 0; i < 120; i++) {
    const a = high - golden * (high - low);
    const b = low + golden * (high - low);
    if (cost(a) <= cost(b)) high = b;
    else low = a;
  }
  const champion = (low + high) / 2;
  return { champion, challenger: ratio * champion + margin };
}

/** Kullback-Leibler divergence of Bernoulli(q) from Bernoulli(p), in nats. */
function divergence(q: number, p: number): number {
  const bad = q === 0 ? 0 : q * Math.log(q / p);
  const good = q === 1 ? 0 : (1 - q) * Math.log((1 - q) / (1 - p));
  return bad + good;
}

/**
 * Wald's sequential probability ratio test of the true rates against the null's hardest point: no test that keeps
 * the same error rate at that point and looks at every unit decides sooner on average (Wald and Wolfowitz, "Optimum
 * character of the sequential probability ratio test"). It knows both rates; a product can't. Only the side that
 * rejects the null is played: the wealth may fall as far as it likes.
 */
export class Sprt {
  /** When it rejected the null; null while it hasn't. */
  rejectedAt: number | null = null;
  #wealth = 0;
  readonly #threshold: number;
  readonly #steps: { champion: [number, number]; challenger: [number, number] };

  constructor(hypothesis: Null, rates: Rates, share: number, alpha: number) {
    this.#threshold = Math.log(1 / alpha);
    const hardest = hardestPoint(hypothesis, rates, share);
    this.#steps = {
      champion: logRatio(rates.champion, hardest.champion),
      challenger: logRatio(rates.challenger, hardest.challenger),
    };
  }

  /** Another unit's outcome, at `at` seconds. */
  unit(arm: "champion" | "challenger", isBad: boolean, at: number): void {
    if (this.rejectedAt !== null) return;
    this.#wealth += this.#steps[arm][isBad ? 1 : 0];
    if (this.#wealth >= this.#threshold) this.rejectedAt = at;
  }
}

/** Logarithms of the likelihood ratio of a good and of a bad unit. */
function logRatio(alternative: number, point: number): [good: number, bad: number] {
  return [Math.log((1 - alternative) / (1 - point)), Math.log(alternative / point)];
}
