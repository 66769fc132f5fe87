import type { ArmCount, Interval, Judge, Judgement } from "../../src/rollout/judge.ts";

/**
 * Tests that are wrong on purpose. They go through the same simulation as the product's: a simulation that doesn't
 * catch them proves nothing about the product's either. Both look at failed requests only.
 */

interface Counts {
  champion: ArmCount;
  challenger: ArmCount;
}

/** Units of the challenger after which a wrong test takes the next step. */
const UNITS_BEFORE_NEXT_STEP = 50;

/**
 * A two-sample z-test of "the challenger fails more often", one-sided at the declared rate, repeated at every look:
 * valid at one look fixed before, and at no more than that one.
 */
export const peekingZTest: Judge<Counts> = {
  start: () => ({ champion: { units: 0, loss: 0 }, challenger: { units: 0, loss: 0 } }),
  observe: (counts, interval) => ({
    champion: add(counts.champion, interval, "champion"),
    challenger: add(counts.challenger, interval, "challenger"),
  }),
  judge: (counts) => {
    const { champion, challenger } = counts;
    const all = champion.units + challenger.units;
    const pooled = (champion.loss + challenger.loss) / all;
    const spread = Math.sqrt(pooled * (1 - pooled) * (1 / champion.units + 1 / challenger.units));
    const z = (challenger.loss / challenger.units - champion.loss / champion.units) / spread;
    // 2.326 is the 99 % quantile; the usual rule of thumb of five failures before the approximation is trusted.
    return verdict(challenger.loss >= 5 && z > 2.326, challenger.units);
  },
};

interface ShareState {
  units: number;
  /** Logarithms of the wealth of each odds ratio. */
  wealth: number[];
}

const ODDS = [1.25, 1.5, 2, 3, 5, 10, 20, 50];

/**
 * "Each failure falls on the challenger with its share": a sequential test on the failures alone. Exact for a margin
 * of zero; with any other margin it tests the wrong null hypothesis, and takes out versions within their margin.
 */
export const failureShare: Judge<ShareState> = {
  start: () => ({ units: 0, wealth: ODDS.map(() => 0) }),
  observe: (state, interval) => {
    let { units } = state;
    const wealth = [...state.wealth];
    if (interval.isBaseline) return state;
    for (const { share, champion, challenger } of interval.requests) {
      if (share <= 0 || share >= 1) continue;
      units += challenger.ended;
      ODDS.forEach((odds, i) => {
        const all = 1 - share + odds * share;
        wealth[i]! += challenger.loss * Math.log(odds / all) - champion.loss * Math.log(all);
      });
    }
    return { units, wealth };
  },
  judge: (state, policy) => {
    const mean = state.wealth.reduce((sum, wealth) => sum + Math.exp(wealth), 0) / ODDS.length;
    return verdict(mean >= 1 / policy.falseRollbackRate, state.units);
  },
};

function add(before: ArmCount, interval: Interval, arm: "champion" | "challenger"): ArmCount {
  if (interval.isBaseline) return before;
  let { units, loss } = before;
  for (const cell of interval.requests) {
    units += cell[arm].ended;
    loss += cell[arm].loss;
  }
  return { units, loss };
}

function verdict(isWorse: boolean, units: number): Judgement {
  return {
    verdict: isWorse ? "worse" : "undecided",
    blamed: isWorse ? "errors" : null,
    advance: units >= UNITS_BEFORE_NEXT_STEP,
    harm: 0,
    harmThreshold: 0,
    safetyThreshold: 0,
    metrics: [],
    guard: null,
    sentence: "",
  };
}
