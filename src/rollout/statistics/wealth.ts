/**
 * The wealth of one e-process: a part per alternative, and cash that is put on them little by little. Plain JSON;
 * every number is finite. The functions here change the wealth they are given; `ownWealth` copies it before.
 */
export interface Wealth {
  cash: number;
  /** What was on each alternative before every unit that is under way was assigned. */
  bets: number[];
  /** Put on the alternatives later than that; null while there is no such money. */
  fresh: number[] | null;
  /**
   * Natural logarithms, at most 0, per alternative: what of `bets` and of `fresh` may be counted now, as long as it
   * isn't known how the units under way end and under which bets those that ended were assigned. Null: all of it.
   */
  held: { bets: number[]; fresh: number[] } | null;
  /** Logarithm per alternative of what the units that were left by their callers would cost; null when there are none. */
  leftOut: number[] | null;
}

/**
 * After n units of the challenger cash * (n0 / (n + n0))^a is left, so about a / (n + n0) of it moves with each:
 * a fault at any age n finds money at a cost of (1 + a) log n. In units instead of seconds, because units are what
 * evidence is made of: a quiet service's cash must not be gone before its first ones.
 */
const LEAK_POWER = 0.4;
const LEAK_UNITS = 300;
/** What a part of the wealth is capped at: less than the truth, so valid, and a finite number. */
const LARGEST = 1e280;
/** Smaller parts are nothing: sums of denormal numbers are slow, and the cash brings new money. */
const SMALLEST = 1e-200;
/** What is given out as an e-value at most. */
const LARGEST_GIVEN = 1e300;

/** Starts at 1: `cash` is kept out of the bets, the rest lies on the alternatives by their stakes. */
export function startWealth(stakes: readonly number[], cash: number): Wealth {
  return {
    cash,
    bets: stakes.map((stake) => (1 - cash) * stake),
    fresh: null,
    held: null,
    leftOut: null,
  };
}

/** A copy that shares nothing with it. */
export function ownWealth({ cash, bets, fresh, held, leftOut }: Wealth): Wealth {
  return {
    cash,
    bets: bets.slice(),
    fresh: fresh && fresh.slice(),
    held: held && { bets: held.bets.slice(), fresh: held.fresh.slice() },
    leftOut: leftOut && leftOut.slice(),
  };
}

/**
 * Puts the share of the cash that is due between the challenger's `from`-th and `to`-th unit on the alternatives. The
 * total doesn't change, and how much moves is known before the next unit, so it stays a non-negative supermartingale
 * under the null. `onFresh`: units are under way, which this money wasn't put on.
 */
export function leak(
  wealth: Wealth,
  stakes: readonly number[],
  from: number,
  to: number,
  onFresh: boolean,
): void {
  const kept = to > from ? ((from + LEAK_UNITS) / (to + LEAK_UNITS)) ** LEAK_POWER : 1;
  const moved = wealth.cash * (1 - kept);
  wealth.cash *= kept;
  const target = onFresh ? (wealth.fresh ??= stakes.map(() => 0)) : wealth.bets;
  for (let i = 0; i < target.length; i++) target[i]! += moved * stakes[i]!;
}

/** Takes what may be counted now as what there is: the units under way are known to be others from here on. */
export function settle(wealth: Wealth): void {
  const { bets, held, fresh } = wealth;
  if (held === null && fresh === null) return;
  for (let i = 0; i < bets.length; i++) {
    const old = bets[i]! * Math.exp(held?.bets[i] ?? 0);
    bets[i] = tidy(old + (fresh === null ? 0 : fresh[i]! * Math.exp(held?.fresh[i] ?? 0)));
  }
  wealth.fresh = null;
  wealth.held = null;
}

/** Counts the units that were left by their callers from here on, in the way that speaks least. */
export function settleLeftOut(wealth: Wealth): void {
  const { bets, fresh, leftOut } = wealth;
  if (leftOut === null) return;
  for (let i = 0; i < bets.length; i++) {
    const cost = Math.exp(leftOut[i]!);
    bets[i] = tidy(bets[i]! * cost);
    if (fresh !== null) fresh[i] = tidy(fresh[i]! * cost);
  }
  wealth.leftOut = null;
}

/** The e-value, at most 1e300. */
export function eValue(wealth: Wealth): number {
  const { cash, bets, fresh, held } = wealth;
  if (held === null) return withoutHeld(wealth);
  let sum = cash;
  for (let i = 0; i < bets.length; i++) sum += bets[i]! * Math.exp(held.bets[i]!);
  if (fresh !== null) for (let i = 0; i < fresh.length; i++) sum += fresh[i]! * Math.exp(held.fresh[i]!);
  return Math.min(LARGEST_GIVEN, sum);
}

/** The e-value if nothing were held back: never below it. */
export function withoutHeld({ cash, bets, fresh }: Wealth): number {
  let sum = cash;
  for (let i = 0; i < bets.length; i++) sum += bets[i]!;
  if (fresh !== null) for (let i = 0; i < fresh.length; i++) sum += fresh[i]!;
  return Math.min(LARGEST_GIVEN, sum);
}

/** A part of the wealth between 0 and the cap. */
export function tidy(part: number): number {
  return part > LARGEST ? LARGEST : part < SMALLEST ? 0 : part;
}
