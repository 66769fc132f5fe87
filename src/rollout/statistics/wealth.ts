/**
 * The wealth of one e-process, in natural logarithms: a part per alternative and cash that leaks into them.
 * Plain JSON; every number is finite.
 */
export interface Wealth {
  cash: number;
  bets: number[];
  /** Per alternative: what the units still under way would cost if each ended in the way that speaks least. */
  pending: number[];
}

/** Kept out of the bets at the start, so that a fault that begins late still finds money that nothing has eaten. */
const CASH = 0.2;
/** Seconds in which the cash falls to 1/e. */
const LEAK_SECONDS = 3600;
/** What is given out as an e-value at most, so that it stays a number in JSON. */
const LARGEST = Math.log(1e300);

export function startWealth(stakes: readonly number[]): Wealth {
  return {
    cash: Math.log(CASH),
    bets: stakes.map((stake) => Math.log((1 - CASH) * stake)),
    pending: stakes.map(() => 0),
  };
}

/**
 * Moves cash into the bets for the time that has passed, then multiplies each bet with its factor. The move depends
 * on time alone, so the total stays a non-negative supermartingale under the null: an e-process.
 */
export function play(
  wealth: Wealth,
  stakes: readonly number[],
  seconds: number,
  logFactors: readonly number[],
  pending: readonly number[],
): Wealth {
  const kept = Math.exp(-seconds / LEAK_SECONDS);
  const leaked = wealth.cash + Math.log1p(-kept);
  return {
    cash: wealth.cash + Math.log(kept),
    bets: wealth.bets.map((bet, i) => {
      const stake = leaked + Math.log(stakes[i] ?? 0);
      return (seconds > 0 ? logAdd(bet, stake) : bet) + (logFactors[i] ?? 0);
    }),
    pending: [...pending],
  };
}

/** Logarithm of the e-value now, units under way counted in the way that speaks least against the null. */
function logWealth(wealth: Wealth): number {
  return wealth.bets.reduce(
    (sum, bet, i) => logAdd(sum, bet + Math.min(0, wealth.pending[i] ?? 0)),
    wealth.cash,
  );
}

/** The e-value, at most 1e300. */
export function eValue(wealth: Wealth): number {
  return Math.exp(Math.min(LARGEST, logWealth(wealth)));
}

function logAdd(a: number, b: number): number {
  const [large, small] = a > b ? [a, b] : [b, a];
  return large + Math.log1p(Math.exp(small - large));
}
