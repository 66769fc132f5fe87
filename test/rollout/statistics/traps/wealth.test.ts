import { describe, expect, it } from "vitest";
import type { Interval } from "../../../../src/rollout/judge.ts";
import {
  createEProcessJudge,
  type EProcessState,
} from "../../../../src/rollout/statistics/e-process-judge.ts";
import { stakes } from "../../../../src/rollout/statistics/hypothesis.ts";
import { hypothesesOf } from "../../../../src/rollout/statistics/metric-state.ts";
import { eValue } from "../../../../src/rollout/statistics/wealth.ts";
import { binomial } from "../random.ts";
import { ended, ERRORS, intervalOf, policyOf, random, rateOver } from "./stream.ts";

const policy = policyOf([ERRORS]);
const judge = createEProcessJudge();
const ALPHA = 0.05;

/** A second of a challenger at its margin (1.5 % where the champion has 1 %), or as told. */
function second(draw: () => number, at: number, p1 = 0.015, share = 0.1, units = 200): Interval {
  const challenger = binomial(draw, units, share);
  const champion = units - challenger;
  return intervalOf(at * 1000, [
    {
      share,
      champion: ended(champion, binomial(draw, champion, 0.01)),
      challenger: ended(challenger, binomial(draw, challenger, p1)),
    },
  ]);
}

function harmOf(state: EProcessState): number {
  return eValue(state.metrics["errors"]!.tests[0]!);
}

/** The wealth as if the best alternative alone had been bet on. */
function bestOf(state: EProcessState): number {
  const { bets } = state.metrics["errors"]!.tests[0]!;
  const stake = stakes(hypothesesOf("errors", 0.005)[0]!);
  return Math.max(...bets.map((part, i) => part / (0.7 * stake[i]!)));
}

/** Reaches 5 at the margin, by this reading of the state: a fifth of the runs may. */
function crosses(seed: number, read: (state: EProcessState) => number): boolean {
  const draw = random(seed);
  let state = judge.start(policy, 0);
  for (let at = 1; at <= 120; at++) {
    state = judge.observe(state, second(draw, at, 0.015, 0.5, 400), policy);
    if (read(state) >= 5) return true;
  }
  return false;
}

describe("many alternatives", () => {
  it("share the wealth; the best of them taken afterwards breaks the declared rate", () => {
    const shared = rateOver(80, (seed) => crosses(seed, harmOf));
    const best = rateOver(80, (seed) => crosses(seed, bestOf));
    expect(shared).toBeLessThanOrEqual(0.2);
    expect(best).toBeGreaterThan(0.25);
  });
});

describe("going on", () => {
  /** A version at its margin is tried for 25 s, again and again. */
  function pushedAgain(seed: number, continues: boolean): boolean {
    const draw = random(seed);
    let state = judge.start(policy, 0);
    for (let at = 1; at <= 25 * 24; at++) {
      state = judge.observe(state, second(draw, at, 0.015, 0.3), policy);
      if (eValue(state.metrics["errors"]!.tests[1]!) >= 1 / ALPHA) return true;
      if (!continues && at % 25 === 0) state = judge.start(policy, at * 1000);
    }
    return false;
  }

  it("with the same version goes on with its evidence; starting anew promotes what is pushed until it passes", () => {
    expect(rateOver(25, (seed) => pushedAgain(seed, true))).toBeLessThanOrEqual(ALPHA + 0.04);
    expect(rateOver(25, (seed) => pushedAgain(seed, false))).toBeGreaterThan(0.15);
  });

  /** At its margin; every 25 s another step, each with the whole alpha of its own, or one wealth for all. */
  function stepped(seed: number, isReset: boolean): boolean {
    const draw = random(seed);
    let state = judge.start(policy, 0);
    for (let at = 1; at <= 25 * 24; at++) {
      const share = [0.05, 0.25, 0.5][Math.floor(at / 25) % 3]!;
      state = judge.observe(state, second(draw, at, 0.015, share), policy);
      if (harmOf(state) >= 1 / ALPHA) return true;
      if (isReset && at % 25 === 0) state = judge.start(policy, at * 1000);
    }
    return false;
  }

  it("over the steps it keeps one wealth; a full alpha for each step adds up", () => {
    const kept = rateOver(40, (seed) => stepped(seed, false));
    const reset = rateOver(40, (seed) => stepped(seed, true));
    expect(kept).toBeLessThanOrEqual(ALPHA + 0.03);
    expect(reset).toBeGreaterThan(ALPHA * 1.5);
  });
});

describe("a fault that begins late", () => {
  /** Seconds to find 5 % after 1,800 s of 1 %. */
  function found(withCash: boolean): number {
    const draw = random(7);
    let state = judge.start(policy, 0);
    for (let at = 1; at <= 1800; at++) state = judge.observe(state, second(draw, at, 0.01, 0.1, 100), policy);
    if (!withCash) {
      const metric = state.metrics["errors"]!;
      // What a test without cash has: its bets as the first half hour alone left them.
      const eaten = metric.tests.map((wealth) => ({
        ...wealth,
        cash: 0,
        bets: wealth.bets.map(() => 1e-30),
      }));
      state = { ...state, metrics: { errors: { ...metric, tests: eaten } } };
    }
    for (let more = 1; more <= 600; more++) {
      state = judge.observe(state, second(draw, 1800 + more, 0.05, 0.1, 100), policy);
      if (harmOf(state) >= 300) return more;
    }
    return Infinity;
  }

  it("meets money that nothing has eaten", () => {
    expect(found(true)).toBeLessThan(140);
    expect(found(false)).toBeGreaterThan(200);
  });
});

describe("no traffic", () => {
  it("leaves the wealth as it is, however long; a rule that takes silence for failure takes it out", () => {
    const draw = random(1);
    let state = judge.observe(judge.start(policy, 0), second(draw, 1), policy);
    const before = harmOf(state);
    for (let at = 2; at < 5000; at++) state = judge.observe(state, intervalOf(at * 1000, []), policy);
    expect(harmOf(state)).toBeCloseTo(before, 9);
    expect(judge.judge(state, policy, 0)).toMatchObject({ verdict: "undecided", advance: false });
    // The rule that reads silence as one failed answer a second.
    let scolded = state;
    for (let at = 5000; at < 5060; at++) {
      const cell = { share: 0.1, champion: ended(0, 0), challenger: ended(1, 1) };
      scolded = judge.observe(scolded, intervalOf(at * 1000, [cell]), policy);
    }
    expect(judge.judge(scolded, policy, 0).verdict).toBe("worse");
  });

  it("of an arm that is given requests and answers none: they are failures, and it is taken out", () => {
    const starved = intervalOf(1000, [
      { share: 0.1, champion: ended(90, 1), challenger: { ...ended(10, 10) } },
    ]);
    const silent = intervalOf(1000, [{ share: 0.1, champion: ended(90, 1), challenger: ended(0, 0) }]);
    const after = (interval: Interval): string =>
      judge.judge(judge.observe(judge.start(policy, 0), interval, policy), policy, 0).verdict;
    expect(after(starved)).toBe("worse");
    expect(after(silent)).toBe("undecided");
  });
});

describe("a simulation", () => {
  it("of equal versions alone can't tell a test that ignores the margin from one that keeps it", () => {
    const noMargin = policyOf([{ name: "errors", worseBy: 1e-9 }]);
    const rollsBack = (seed: number, of: typeof policy, p1: number): boolean => {
      const draw = random(seed);
      let state = judge.start(of, 0);
      for (let at = 1; at <= 300; at++) {
        state = judge.observe(state, second(draw, at, p1, 0.3), of);
        if (harmOf(state) >= 1 / ALPHA) return true;
      }
      return false;
    };
    // Equal: both look right. At the margin: only one is.
    expect(rateOver(25, (seed) => rollsBack(seed, noMargin, 0.01))).toBeLessThanOrEqual(ALPHA + 0.05);
    expect(rateOver(25, (seed) => rollsBack(seed, policy, 0.01))).toBeLessThanOrEqual(ALPHA);
    expect(rateOver(25, (seed) => rollsBack(seed, noMargin, 0.015))).toBeGreaterThan(0.5);
    expect(rateOver(25, (seed) => rollsBack(seed, policy, 0.015))).toBeLessThanOrEqual(ALPHA + 0.05);
  });
});
