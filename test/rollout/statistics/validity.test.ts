import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Cell, Interval, Judge } from "../../../src/rollout/judge.ts";
import { createEProcessJudge, type EProcessState } from "../../../src/rollout/statistics/e-process-judge.ts";
import {
  alternatives,
  assumedRate,
  edge,
  type Hypothesis,
  stakes,
} from "../../../src/rollout/statistics/hypothesis.ts";
import {
  armLogFactor,
  projectOnNull,
  unitFactors,
  type UnitFactors,
} from "../../../src/rollout/statistics/projection.ts";
import { ended, intervalOf, judgedPolicy, rateOf } from "../../contract/judge.ts";

const hypothesis = fc.record({
  ratio: fc.double({ min: 1, max: 2, noNaN: true }),
  margin: fc.oneof(fc.constant(0), fc.double({ min: 0.001, max: 0.4, noNaN: true })),
  side: fc.constantFrom("within" as const, "beyond" as const),
});
const RUNS = 100;
const share = fc.double({ min: 0.01, max: 0.99, noNaN: true });
/** The champion's rate as the judge may estimate it. */
const rate = fc.double({ min: 1e-5, max: 0.999, noNaN: true });

/** Expectation of a unit's factor when it goes to the challenger with probability `w`. */
function expectation(factors: UnitFactors, w: number, p0: number, p1: number): number {
  const arm = ({ good, bad }: { good: number; bad: number }, p: number): number =>
    (1 - p) * Math.exp(good) + p * Math.exp(bad);
  return w * arm(factors.challenger, p1) + (1 - w) * arm(factors.champion, p0);
}

/** True points of the null: on its edge, and at the far corners. */
function nullPoints({ ratio, margin, side }: Hypothesis): [number, number][] {
  const points: [number, number][] = [];
  for (let i = 0; i <= 50; i++) {
    const p0 = i / 50;
    const line = ratio * p0 + margin;
    if (side === "beyond" && line > 1) continue;
    if (line <= 1) points.push([p0, line]);
    for (let k = 0; k <= 4; k++) {
      const p1 = side === "within" ? (Math.min(1, line) * k) / 4 : line + ((1 - line) * k) / 4;
      if (p1 <= 1 && p1 >= 0) points.push([p0, p1]);
    }
  }
  return points;
}

describe("a unit's factor", () => {
  it("has an expectation of at most 1 at every point of the null, for every bet", () => {
    fc.assert(
      fc.property(hypothesis, share, rate, (hypothesis, w, measured) => {
        const q0 = assumedRate(hypothesis, measured) ?? 0;
        const points = nullPoints(hypothesis);
        for (const q1 of alternatives(hypothesis, q0)) {
          if (q1 === undefined) continue;
          const factors = unitFactors(hypothesis, w, q0, q1);
          // One assertion for all points: an assertion each would take longer than the arithmetic.
          const worst = Math.max(...points.map(([p0, p1]) => expectation(factors, w, p0, p1)));
          expect(worst).toBeLessThanOrEqual(1 + 1e-8);
        }
      }),
      { numRuns: RUNS },
    );
  });

  it("grows on average when the alternative is true", () => {
    fc.assert(
      fc.property(hypothesis, share, rate, (hypothesis, w, measured) => {
        const q0 = assumedRate(hypothesis, measured) ?? 0;
        for (const q1 of alternatives(hypothesis, q0)) {
          if (q1 === undefined) continue;
          const f = unitFactors(hypothesis, w, q0, q1);
          const growth =
            w * (q1 * f.challenger.bad + (1 - q1) * f.challenger.good) +
            (1 - w) * (q0 * f.champion.bad + (1 - q0) * f.champion.good);
          expect(growth).toBeGreaterThanOrEqual(-1e-12);
        }
      }),
      { numRuns: RUNS },
    );
  });

  it("projects on the edge, at the least divergence", () => {
    const half: Hypothesis = { ratio: 1, margin: 0.005, side: "within" };
    const kl = (q: number, p: number): number => q * Math.log(q / p) + (1 - q) * Math.log((1 - q) / (1 - p));
    const cost = (p0: number): number => 0.1 * kl(0.05, edge(half, p0)) + 0.9 * kl(0.01, p0);
    const { p0, p1 } = projectOnNull(half, 0.1, 0.01, 0.05);
    expect(p1).toBeCloseTo(p0 + 0.005, 12);
    for (const other of [p0 - 1e-4, p0 + 1e-4]) expect(cost(p0)).toBeLessThan(cost(other));
  });

  it("bets only outside the null, with stakes that sum to 1", () => {
    fc.assert(
      fc.property(hypothesis, rate, (hypothesis, measured) => {
        const q0 = assumedRate(hypothesis, measured) ?? 0;
        expect(stakes(hypothesis).reduce((sum, stake) => sum + stake, 0)).toBeCloseTo(1, 12);
        for (const q1 of alternatives(hypothesis, q0)) {
          if (q1 === undefined) continue;
          const line = edge(hypothesis, q0);
          if (hypothesis.side === "within") expect(q1).toBeGreaterThanOrEqual(line);
          else expect(q1).toBeLessThanOrEqual(line);
        }
      }),
    );
  });
});

describe("the factor of a cell", () => {
  it("is never more than the product over its units, whatever their losses in [0, 1]", () => {
    const losses = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 30 });
    fc.assert(
      fc.property(rate, rate, losses, (a, b, losses) => {
        const factors = { good: Math.log(a * 3), bad: Math.log(b * 3) };
        const exact = losses.reduce((sum, y) => sum + Math.log(a * 3 + y * (b * 3 - a * 3)), 0);
        const count = { units: losses.length, loss: losses.reduce((sum, y) => sum + y, 0) };
        expect(armLogFactor(factors, count)).toBeLessThanOrEqual(exact + 1e-9);
      }),
    );
  });
});

describe("the whole test", () => {
  const judge = createEProcessJudge();

  /** E-values after every sequence of units, weighed by its probability: none may have an expectation above 1. */
  function exactExpectation(p0: number, p1: number, margin: number, steps: number): [number, number] {
    const policy = {
      ...judgedPolicy,
      steps: [20],
      metrics: [{ name: "errors" as const, worseBy: margin }],
    };
    const w = 0.2;
    const unit = (arm: "champion" | "challenger", loss: number): Cell[] => [
      { share: w, champion: ended(0, 0), challenger: ended(0, 0), [arm]: ended(1, loss) },
    ];
    const sum: [number, number] = [0, 0];
    const walk = (state: EProcessState, probability: number, depth: number): void => {
      if (depth === steps) {
        const [metric] = judge.judge(state, policy, 0).metrics;
        sum[0] += probability * (metric?.harm ?? 0);
        sum[1] += probability * (metric?.safety ?? 0);
        return;
      }
      // Long pauses: the cash moves, the champion's rate forgets, the bets change with what was seen.
      const at = (depth + 1) * 200_000;
      for (const loss of [0, 1]) {
        const champion = (1 - w) * (loss === 1 ? p0 : 1 - p0);
        const challenger = w * (loss === 1 ? p1 : 1 - p1);
        walk(
          judge.observe(state, intervalOf(at, unit("champion", loss)), policy),
          probability * champion,
          depth + 1,
        );
        walk(
          judge.observe(state, intervalOf(at, unit("challenger", loss)), policy),
          probability * challenger,
          depth + 1,
        );
      }
    };
    walk(judge.start(policy, 0), 1, 0);
    return sum;
  }

  it.each([0, 0.05, 0.2, 0.5, 0.9])("is an e-value by exact enumeration, champion at %d", (p0) => {
    for (const margin of [0.01, 0.1]) {
      for (const p1 of [0, p0 / 2, p0, p0 + margin]) {
        if (p1 <= 1) expect(exactExpectation(p0, p1, margin, 4)[0]).toBeLessThanOrEqual(1 + 1e-9);
      }
      for (const p1 of [p0 + margin, (1 + p0 + margin) / 2, 1]) {
        if (p1 <= 1) expect(exactExpectation(p0, p1, margin, 4)[1]).toBeLessThanOrEqual(1 + 1e-9);
      }
    }
  });

  it("counts what is under way as that which speaks least, and never less validly than what it becomes", () => {
    const policy = {
      ...judgedPolicy,
      steps: [10],
      metrics: [{ name: "errors" as const, worseBy: 0.005 }],
    };
    const harm = (champion: object, challenger: object): number => {
      const cell = {
        share: 0.1,
        champion: { ...ended(900, 9), ...champion },
        challenger: { ...ended(100, 10), ...challenger },
      };
      const state = judge.observe(judge.start(policy, 0), intervalOf(1000, [cell]), policy);
      return judge.judge(state, policy, 0).metrics[0]?.harm ?? 0;
    };
    const all = harm({}, {});
    expect(harm({ pending: 5 }, { pending: 5 })).toBeLessThan(all);
    for (const [champion, challenger] of [
      [0, 0],
      [5, 0],
      [0, 5],
      [5, 5],
    ] as const) {
      const became = harm(ended(905, 9 + champion), ended(105, 10 + challenger));
      expect(harm({ pending: 5 }, { pending: 5 })).toBeLessThanOrEqual(became * (1 + 1e-9));
    }
  });

  it("finds a fault that begins late", () => {
    const policy = {
      ...judgedPolicy,
      steps: [10],
      metrics: [{ name: "errors" as const, worseBy: 0.005 }],
    };
    const minute = (at: number, loss: number): Interval =>
      intervalOf(at, [{ share: 0.1, champion: ended(90, 0.9), challenger: ended(10, loss) }]);
    let state = judge.start(policy, 0);
    for (let i = 1; i <= 1800; i++) state = judge.observe(state, minute(i * 1000, 0.1), policy);
    let seconds = 0;
    while (judge.judge(state, policy, 0).verdict !== "worse" && seconds < 600) {
      state = judge.observe(state, minute((1800 + ++seconds) * 1000, 0.5), policy);
    }
    expect(seconds).toBeLessThan(120);
  });
});

/** The test that looks right and isn't: each failure falls on the challenger with its share. */
function failuresFallByShare(): Judge<{ wealth: number[]; champion: number; challenger: number }> {
  const tilts = [1.5, 2, 3, 5, 10, 30];
  return {
    start: () => ({ wealth: tilts.map(() => 0), champion: 0, challenger: 0 }),
    observe(state, { requests }) {
      const wealth = [...state.wealth];
      for (const { share, champion, challenger } of requests) {
        for (const [i, tilt] of tilts.entries()) {
          const bent = (share * tilt) / (share * tilt + 1 - share);
          wealth[i] =
            (wealth[i] ?? 0) +
            challenger.loss * Math.log(bent / share) +
            champion.loss * Math.log((1 - bent) / (1 - share));
        }
      }
      return { ...state, wealth };
    },
    judge({ wealth }) {
      const harm = wealth.reduce((sum, log) => sum + Math.exp(Math.min(600, log)) / wealth.length, 0);
      const verdict = harm >= 100 ? "worse" : "undecided";
      return {
        verdict,
        blamed: null,
        advance: false,
        harm,
        harmThreshold: 100,
        safetyThreshold: 20,
        metrics: [],
        guard: null,
        sentence: "",
      };
    },
  };
}

describe("the simulation", () => {
  const atMargin = { p0: 0.01, p1: 0.015, units: 4000, seconds: 40, intervals: 125 };

  it("finds the test wrong in which each failure falls on the challenger with its share", () => {
    expect(rateOf(failuresFallByShare(), "worse", 20, { ...atMargin, p1: 0.01 })).toBeLessThanOrEqual(0.05);
    expect(rateOf(failuresFallByShare(), "worse", 20, atMargin)).toBeGreaterThan(0.5);
  });

  it("finds ours right on the same streams", () => {
    expect(rateOf(createEProcessJudge(), "worse", 20, atMargin)).toBeLessThanOrEqual(0.05);
  });
});
