export type Arrivals = "even" | "poisson";

/**
 * When requests are due, in milliseconds after the start, for ever: evenly, or as independent callers would send them
 * (a Poisson process: gaps are exponential).
 * @param rate requests a second
 * @param random in [0, 1)
 */
export function* dueTimes(rate: number, arrivals: Arrivals, random: () => number): Generator<number, never> {
  const gap = 1_000 / rate;
  // Multiplied, not added up: a sum of a million gaps drifts.
  if (arrivals === "even") for (let i = 0; ; i++) yield i * gap;
  for (let at = 0; ; at += -Math.log(1 - random()) * gap) yield at;
}
