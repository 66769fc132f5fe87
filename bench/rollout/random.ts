/** A stream of random numbers in [0, 1), reproducible from its seed (sfc32 by Chris Doty-Humphrey). */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: number, stream: number) {
    this.#a = seed | 0;
    this.#b = Math.imul(stream, 0x9e3779b9) | 0;
    this.#c = 0x2545f491;
    for (let i = 0; i < 15; i++) this.next();
  }

  next(): number {
    const mixed = (this.#a + this.#b + this.#counter++) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + mixed;
    return (mixed >>> 0) / 4_294_967_296;
  }
}

/** Waiting time of a Poisson process with this many events a second. */
export function exponential(uniform: number, rate: number): number {
  return -Math.log1p(-uniform) / rate;
}

/**
 * Quantile function of the standard normal distribution: Acklam's rational approximation, relative error below
 * 1.2e-9. One uniform gives one number, so that streams stay aligned whatever is drawn from them.
 */
export function normalQuantile(p: number): number {
  if (p <= 0) return -8;
  if (p >= 1) return 8;
  if (p < 0.02425) return tail(Math.sqrt(-2 * Math.log(p)));
  if (p > 0.97575) return -tail(Math.sqrt(-2 * Math.log(1 - p)));
  const q = p - 0.5;
  const r = q * q;
  const above =
    (((((-39.69683028665376 * r + 220.9460984245205) * r - 275.9285104469687) * r + 138.357751867269) * r -
      30.66479806614716) *
      r +
      2.506628277459239) *
    q;
  const below =
    ((((-54.47609879822406 * r + 161.5858368580409) * r - 155.6989798598866) * r + 66.80131188771972) * r -
      13.28068155288572) *
      r +
    1;
  return above / below;
}

function tail(q: number): number {
  const above =
    ((((-0.007784894002430293 * q - 0.3223964580411365) * q - 2.400758277161838) * q - 2.549732539343734) *
      q +
      4.374664141464968) *
      q +
    2.938163982698783;
  const below =
    (((0.007784695709041462 * q + 0.3224671290700398) * q + 2.445134137142996) * q + 3.754408661907416) * q +
    1;
  return above / below;
}

/** How many of `n` happen when each does with probability p, by inversion; meant for small n * p. */
export function binomial(random: Random, n: number, p: number): number {
  if (n <= 0 || p <= 0) return 0;
  if (p > 0.5) return n - binomial(random, n, 1 - p);
  const odds = p / (1 - p);
  let probability = (1 - p) ** n;
  // Where (1 - p)^n has no digits left: two halves.
  if (probability < 1e-200) {
    const half = n >> 1;
    return binomial(random, half, p) + binomial(random, n - half, p);
  }
  let left = random.next();
  let count = 0;
  while (left >= probability && count < n) {
    left -= probability;
    count++;
    probability *= (odds * (n - count + 1)) / count;
  }
  return count;
}

/** Number of events of a Poisson distribution, by inversion; meant for means below a few hundred. */
export function poisson(random: Random, mean: number): number {
  if (mean > 500) return poisson(random, mean / 2) + poisson(random, mean / 2);
  let probability = Math.exp(-mean);
  let left = random.next();
  let count = 0;
  while (left >= probability && count < 10_000) {
    left -= probability;
    count++;
    probability *= mean / count;
  }
  return count;
}

/** A number for a text, for seeds (FNV-1a). */
export function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  return value >>> 0;
}
