import type { ArmCount } from "../judge.ts";

/** Decayed sums from which the champion's recent loss rate is told before the next interval's units are seen. */
export interface ChampionRate {
  units: number;
  loss: number;
}

/** Seconds in which an old unit's weight falls to 1/e. */
const DECAY_SECONDS = 300;
/** Where nothing is known: half a loss in ten units. The test's validity needs nothing of this, only its speed. */
const PRIOR: ArmCount = { units: 10, loss: 0.5 };
const SMALLEST = 1e-5;
/** Nearer to 1 the factors lose digits, and nobody's margin lies there. */
const LARGEST = 0.999;

export const unknownRate: ChampionRate = { units: 0, loss: 0 };

/** The rate as it was known after the last interval; strictly between 0 and 1. */
export function currentRate(rate: ChampionRate): number {
  const mean = (rate.loss + PRIOR.loss) / (rate.units + PRIOR.units);
  return Math.min(LARGEST, Math.max(SMALLEST, mean));
}

export function updateRate(rate: ChampionRate, seconds: number, counts: readonly ArmCount[]): ChampionRate {
  const kept = Math.exp(-seconds / DECAY_SECONDS);
  return counts.reduce<ChampionRate>(
    (sum, count) => ({ units: sum.units + count.units, loss: sum.loss + count.loss }),
    { units: rate.units * kept, loss: rate.loss * kept },
  );
}
