import { describe, expect, it } from "vitest";
import type { Interval } from "../../../../src/rollout/judge.ts";
import { ALPHA, Cells, ERRORS, intervalOf, LABELS, policyOf, random, rateOver, rollsBack } from "./stream.ts";

const RUNS = 60;
const LIMIT = ALPHA + 0.03;
const errors = policyOf([ERRORS]);

describe("share at assignment, not at completion", () => {
  /** Equal versions whose failures take 40 s: the share rises from 5 to 50 % on the way, and back, again and again. */
  function stream(seed: number, isAtCompletion: boolean): Interval[] {
    const draw = random(seed);
    const shareAt = (second: number): number => (Math.floor(second / 60) % 2 === 0 ? 0.05 : 0.5);
    const bySecond = Array.from({ length: 260 }, () => new Cells());
    for (let second = 0; second < 210; second++)
      for (let i = 0; i < 25; i++) {
        const share = shareAt(second);
        const arm = draw() < share ? "challenger" : "champion";
        const isBad = draw() < 0.05;
        const end = second + (isBad ? 40 : 0);
        bySecond[end]!.add(isAtCompletion ? shareAt(end) : share, arm, isBad ? 1 : 0);
        for (let k = isAtCompletion ? end : second; k < end; k++) bySecond[k]!.arm(share, arm).pending++;
      }
    return bySecond.map((cells, second) => intervalOf((second + 1) * 1000, cells.list()));
  }

  it("keeps the declared rate; the share at completion doesn't", () => {
    expect(rateOver(20, (seed) => rollsBack(errors, stream(seed, false), 45_000))).toBeLessThanOrEqual(LIMIT);
    expect(rateOver(20, (seed) => rollsBack(errors, stream(seed, true), 45_000))).toBeGreaterThan(0.3);
  });
});

describe("units under way", () => {
  /** Equal versions; the challenger is slow to answer well (not its metric here), failures come at once. */
  function stream(seed: number, isTold: boolean): Interval[] {
    const draw = random(seed);
    const bySecond = Array.from({ length: 130 }, () => new Cells());
    for (let second = 0; second < 60; second++)
      for (let i = 0; i < 40; i++) {
        const arm = draw() < 0.3 ? "challenger" : "champion";
        const isBad = draw() < 0.1;
        const end = second + (arm === "challenger" && !isBad ? 40 : 0);
        bySecond[end]!.add(0.3, arm, isBad ? 1 : 0);
        for (let k = isTold ? second : end; k < end; k++) bySecond[k]!.arm(0.3, arm).pending++;
      }
    return bySecond.map((cells, second) => intervalOf((second + 1) * 1000, cells.list()));
  }

  it("count as those that speak least; in order of completion the quick failures take out a version like the champion", () => {
    expect(rateOver(20, (seed) => rollsBack(errors, stream(seed, true), 45_000))).toBeLessThanOrEqual(LIMIT);
    expect(rateOver(20, (seed) => rollsBack(errors, stream(seed, false), 45_000))).toBeGreaterThan(0.9);
  });
});

describe("the unit of randomisation", () => {
  /** Equal versions; 150 callers stay on their version, one in twelve asks what always fails. */
  function stream(seed: number, isPerRequest: boolean): Interval[] {
    const draw = random(seed);
    const callers = Array.from({ length: 150 }, () => ({
      arm: draw() < 0.1 ? ("challenger" as const) : ("champion" as const),
      rate: draw() < 1 / 12 ? 0.9 : 0.01,
      isSeen: false,
    }));
    return Array.from({ length: 120 }, (_, second) => {
      const cells = new Cells();
      for (let i = 0; i < 50; i++) {
        const caller = callers[Math.floor(draw() * callers.length)]!;
        const loss = draw() < caller.rate ? 1 : 0;
        if (isPerRequest || !caller.isSeen) cells.add(0.1, caller.arm, loss);
        caller.isSeen = true;
      }
      return intervalOf((second + 1) * 1000, cells.list());
    });
  }

  it("is the caller where callers stay; each request as a unit takes out many equal versions", () => {
    expect(rateOver(RUNS, (seed) => rollsBack(errors, stream(seed, false)))).toBeLessThanOrEqual(LIMIT);
    expect(rateOver(RUNS, (seed) => rollsBack(errors, stream(seed, true)))).toBeGreaterThan(0.2);
  });
});

describe("a batch of rows", () => {
  /** Equal versions; a request of 40 rows is right or wrong as a whole one time in ten. */
  function stream(seed: number, isPerRow: boolean): Interval[] {
    const draw = random(seed);
    return Array.from({ length: 120 }, (_, second) => {
      const cells = new Cells();
      for (let i = 0; i < 4; i++) {
        const arm = draw() < 0.3 ? "challenger" : "champion";
        const loss = draw() < 0.1 ? 1 : 0;
        for (let row = 0; row < (isPerRow ? 40 : 1); row++) cells.add(0.3, arm, loss);
      }
      return { at: (second + 1) * 1000, requests: [], labels: { accuracy: cells.list() } };
    });
  }

  it("is one unit; its rows as units take out equal versions", () => {
    const labels = policyOf([LABELS]);
    expect(rateOver(RUNS, (seed) => rollsBack(labels, stream(seed, false)))).toBeLessThanOrEqual(LIMIT);
    expect(rateOver(RUNS, (seed) => rollsBack(labels, stream(seed, true)))).toBeGreaterThan(2 * LIMIT);
  });
});
