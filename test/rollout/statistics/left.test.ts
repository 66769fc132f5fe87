import { describe, expect, it } from "vitest";
import type { ArmInterval, Interval, Judgement } from "../../../src/rollout/judge.ts";
import { chance } from "../../../src/rollout/statistics/arrival-guard.ts";
import { createEProcessJudge } from "../../../src/rollout/statistics/e-process-judge.ts";
import { readState } from "../../../src/rollout/statistics/e-process-state.ts";
import {
  leftHarm,
  LEFT_TOLERANCE,
  ownLeft,
  startLeft,
  watchLeft,
} from "../../../src/rollout/statistics/left-test.ts";
import { mayDecide } from "../../../src/rollout/statistics/verdict.ts";
import { binomial } from "./random.ts";
import { ended, ERRORS, intervalOf, nothing, policyOf, random, rateOver } from "./traps/stream.ts";

const policy = policyOf([ERRORS]);
const judge = createEProcessJudge({ usesUpStates: true });

interface Patience {
  /** Chances of a unit to be left. */
  champion: number;
  challenger: number;
}

/** A second of 100 requests a second, none of which fails. */
function second(draw: () => number, at: number, leaves: Patience, share = 0.1): Interval {
  const challenger = binomial(draw, 100, share);
  const arm = (units: number, chance: number): ArmInterval => {
    const aborted = binomial(draw, units, chance);
    return { ...ended(units - aborted, 0), aborted };
  };
  const champion = arm(100 - challenger, leaves.champion);
  return intervalOf(at * 1000, [{ share, champion, challenger: arm(challenger, leaves.challenger) }]);
}

/** Seconds until it is taken out, and what was judged then. */
function run(seed: number, seconds: number, leaves: (at: number) => Patience, share?: number) {
  const draw = random(seed);
  let state = judge.start(policy, 0);
  let judgement: Judgement = judge.judge(state, policy, 0);
  for (let at = 1; at <= seconds; at++) {
    state = judge.observe(state, second(draw, at, leaves(at), share), policy);
    judgement = judge.judge(state, policy, 0);
    expect(mayDecide(state, policy) || judgement.verdict === "undecided").toBe(true);
    if (judgement.verdict === "worse") return { seconds: at, judgement };
  }
  return { seconds: Infinity, judgement };
}

describe("a challenger that hangs", () => {
  it("is taken out within seconds where its callers leave, though no metric sees a loss", () => {
    const { seconds, judgement } = run(1, 60, () => ({ champion: 0.01, challenger: 1 }));
    expect(seconds).toBeLessThanOrEqual(3);
    expect(judgement).toMatchObject({ verdict: "worse", blamed: "left", advance: false, guard: null });
    expect(judgement.metrics).toMatchObject([{ metric: "errors", verdict: "undecided" }]);
    expect(judgement.left?.challenger.loss).toBe(judgement.left?.challenger.units);
    expect(judgement.left?.harm).toBeGreaterThanOrEqual(1000 - judgement.metrics[0]!.harm * 9);
    expect(judgement.sentence).toMatch(
      /^callers of the challenger left before its answer \d+ times of \d+, of the champion \d+ of \d+$/,
    );
  });

  it("is found as well when callers are twice as often gone, and when it begins late", () => {
    expect(run(2, 600, () => ({ champion: 0.03, challenger: 0.12 })).seconds).toBeLessThan(60);
    const late = (at: number): Patience => ({ champion: 0.02, challenger: at > 1200 ? 0.6 : 0.02 });
    const found = run(3, 1300, late).seconds;
    expect(found).toBeGreaterThan(1200);
    expect(found).toBeLessThan(1210);
  });

  it("isn't one whose callers leave as often, a little more often, or less often", () => {
    const takenOut = (leaves: Patience): number =>
      rateOver(15, (seed) => run(seed, 100, () => leaves, 0.3).judgement.verdict === "worse");
    expect(takenOut({ champion: 0.1, challenger: 0.1 })).toBe(0);
    expect(takenOut({ champion: 0.1, challenger: 0.125 })).toBeLessThanOrEqual(1 / 15);
    expect(takenOut({ champion: 0.5, challenger: 0.01 })).toBe(0);
  });
});

describe("the wealth against callers who leave", () => {
  /** Expectation of the e-value after every order of `length` left units, each seen by a look of its own. */
  function expected(share: number, ratio: number, length: number): number {
    const p = chance(share, ratio);
    const walk = (test: ReturnType<typeof startLeft>, probability: number, rest: number): number => {
      if (rest === 0) return probability * leftHarm(test);
      const after = (arm: "champion" | "challenger", chanceOfArm: number): number => {
        const next = ownLeft(test);
        watchLeft(next, [
          { share, champion: nothing(), challenger: nothing(), [arm]: { ...nothing(), aborted: 1 } },
        ]);
        return walk(next, probability * chanceOfArm, rest - 1);
      };
      return after("champion", 1 - p) + after("challenger", p);
    };
    return walk(startLeft(), 1, length);
  }

  it.each([0.05, 0.25, 0.5])(
    "is expected to be 1 at the tolerance and no more below it, at a share of %s",
    (share) => {
      expect(expected(share, LEFT_TOLERANCE, 9)).toBeCloseTo(1, 9);
      for (const ratio of [1, 0.8, 0.1]) expect(expected(share, ratio, 9)).toBeLessThan(1);
      expect(expected(share, 5, 9)).toBeGreaterThan(1.5);
    },
  );

  it("knows nothing of units that weren't drawn, that the platform stopped, or that ended", () => {
    const test = startLeft();
    const all = { ...ended(10, 10), aborted: 5 };
    watchLeft(test, [
      { share: 0, champion: all, challenger: nothing() },
      { share: 1, champion: nothing(), challenger: all },
      { share: 0.5, champion: ended(10, 0), challenger: { ...ended(10, 10), stopped: 50 } },
    ]);
    expect(leftHarm(test)).toBeCloseTo(1, 12);
    expect(test).toMatchObject({ champion: { units: 10, loss: 0 }, challenger: { units: 10, loss: 0 } });
  });

  it("counts a caller who left while the champion was asked in the challenger's stead", () => {
    const [one, other] = [startLeft(), startLeft()];
    watchLeft(one, [{ share: 0.1, champion: nothing(), challenger: { ...ended(8, 8), leftFailed: 8 } }]);
    watchLeft(other, [{ share: 0.1, champion: nothing(), challenger: { ...nothing(), aborted: 8 } }]);
    expect(one).toEqual(other);
    expect(leftHarm(one)).toBeGreaterThan(1000);
  });

  it("takes a tenth of all wealth, the metrics the rest", () => {
    const failing = intervalOf(1000, [{ share: 0.1, champion: ended(90, 1), challenger: ended(10, 4) }]);
    const state = judge.observe(judge.start(policy, 0), failing, policy);
    const { harm, metrics } = judge.judge(state, policy, 0);
    expect(harm).toBeCloseTo(0.1 + 0.9 * metrics[0]!.harm, 9);
  });

  it("begins at 1 in a state of before it was known", () => {
    const state = judge.observe(
      judge.start(policy, 0),
      second(random(1), 1, { champion: 0, challenger: 0 }),
      policy,
    );
    const { left: _, ...old } = state;
    expect(readState(JSON.parse(JSON.stringify(old)))?.left).toEqual(startLeft());
    expect(readState(state)).toBe(state);
  });
});

it("a unit that the platform stopped counts as what speaks least", () => {
  const judged = (challenger: ArmInterval) => {
    const cells = [{ share: 0.5, champion: ended(50, 0), challenger }];
    return judge.judge(judge.observe(judge.start(policy, 0), intervalOf(1000, cells), policy), policy, 0);
  };
  const least = judged({ ...ended(40, 4), stopped: 6 }).metrics[0]!;
  // Against harm as the good ones, against safety as the bad ones.
  expect(least.harm).toBeCloseTo(judged(ended(46, 4)).metrics[0]!.harm, 9);
  expect(least.safety).toBeCloseTo(judged(ended(46, 10)).metrics[0]!.safety, 9);
});
