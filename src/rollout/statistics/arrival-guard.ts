/**
 * Tests whether something happens to units of both arms alike: of callers who leave, or of labels that come.
 * Plain JSON. `wealth`: one e-process per ratio that is bet on.
 */
export interface ArrivalGuard {
  wealth: number[];
  /** Once they were found to differ, they stay so. */
  differ: boolean;
}

/** Ratios of the arms' rates that are bet on, beyond what is tolerated; both ways. */
const RATIOS = [1.5, 2.2, 3.5, 6, 15, 60];
/** A version whose arrivals are alike is blocked with a probability of at most 1 / ENOUGH. */
const ENOUGH = 1000;
const LARGEST = 1e280;
const SMALLEST = 1e-200;

export const startArrival: ArrivalGuard = { wealth: [...RATIOS, ...RATIOS].map(() => 1), differ: false };

/**
 * Null hypothesis: the rates per assigned unit at which it happens stand in a ratio r (challenger to champion) within
 * [1/tolerance, tolerance]. Each time it then falls on the challenger with probability w r / (w r + 1 - w), w the share at
 * assignment: an interval of probabilities [low, high]. A bet on p > high multiplies by p/high for the challenger and by
 * (1-p)/(1-high) for the champion: its expectation rises with the true probability and is 1 at `high`, so at most 1
 * on the null; on the other side likewise. The mean over all bets is an e-process; they differ when it reaches 1000
 * (Ville's inequality). Assumes that the arm was drawn at its cell's share independently of all before.
 */
export function watchArrival(
  guard: ArrivalGuard,
  tolerance: number,
  counts: readonly { share: number; champion: number; challenger: number }[],
): ArrivalGuard {
  let wealth: number[] | undefined;
  for (const { share, champion, challenger } of counts) {
    if (champion + challenger === 0 || !(share > 0 && share < 1)) continue;
    wealth ??= guard.wealth.slice();
    const high = chance(share, tolerance);
    const low = chance(share, 1 / tolerance);
    for (const [i, ratio] of RATIOS.entries()) {
      wealth[i] = grow(wealth[i]!, chance(share, ratio * tolerance), high, champion, challenger);
      const j = i + RATIOS.length;
      wealth[j] = grow(wealth[j]!, chance(share, 1 / (ratio * tolerance)), low, champion, challenger);
    }
  }
  if (!wealth) return guard;
  const mean = wealth.reduce((sum, part) => sum + part, 0) / wealth.length;
  return { wealth, differ: guard.differ || mean >= ENOUGH };
}

/** That it falls on the challenger when its rate is `ratio` times the champion's. */
export function chance(share: number, ratio: number): number {
  return (share * ratio) / (share * ratio + 1 - share);
}

function grow(part: number, p: number, edge: number, champion: number, challenger: number): number {
  const log = challenger * Math.log(p / edge) + champion * Math.log((1 - p) / (1 - edge));
  const grown = part * Math.exp(Math.min(600, log));
  return grown > LARGEST ? LARGEST : grown < SMALLEST ? 0 : grown;
}
