import { describe, expect, it } from "vitest";
import type { Interval } from "../../../../src/rollout/judge.ts";
import { createEProcessJudge } from "../../../../src/rollout/statistics/e-process-judge.ts";
import { Cells, ERRORS, intervalOf, policyOf, random, rateOver, rollsBack } from "./stream.ts";

const errors = policyOf([ERRORS]);
const MAX_LIFE = 8000;
/** Seconds that the champion's failures take; the challenger's come at once. */
const TIMEOUT = 5;

/** Equal versions. Every `killEvery` seconds serve is killed, and with it the counts of what is under way. */
function seconds(seed: number, killEvery: number, told: Partial<Interval>): Interval[] {
  const draw = random(seed);
  let waiting: number[] = [];
  return Array.from({ length: 150 }, (_, second) => {
    const cells = new Cells();
    const isKilled = second > 0 && second % killEvery === 0;
    if (isKilled) waiting = [];
    for (let i = 0; i < 60; i++) {
      const arm = draw() < 0.3 ? "challenger" : "champion";
      const isBad = draw() < 0.04;
      if (isBad && arm === "champion") waiting.push(second + TIMEOUT);
      else cells.add(0.3, arm, isBad ? 1 : 0);
    }
    for (const at of waiting) if (at <= second) cells.add(0.3, "champion", 1);
    waiting = waiting.filter((at) => at > second);
    cells.arm(0.3, "champion").pending = waiting.length;
    return { ...intervalOf((second + 1) * 1000, cells.list()), ...(isKilled ? told : {}) };
  });
}

describe("units that nobody will tell of", () => {
  it("count as what speaks least; forgotten, an equal version is taken out because what takes long is lost", () => {
    const rate = (told: Partial<Interval>): number =>
      rateOver(20, (seed) => rollsBack(errors, seconds(seed, 4, told), MAX_LIFE));
    expect(rate({ isBegunAnew: true })).toBeLessThanOrEqual(0.05);
    expect(rate({})).toBeGreaterThan(0.5);
  });

  it("are those of an earlier trial as well, whose evidence goes on", () => {
    const judge = createEProcessJudge({ maxLifeMs: MAX_LIFE });
    let state = judge.start(errors, 0);
    for (const interval of seconds(1, 1000, {})) state = judge.observe(state, interval, errors);
    const [before] = judge.judge(state, errors, 0).metrics;
    const at = state.at + 1000;
    const again = judge.observe(state, { at, requests: [], labels: {}, isBaseline: true }, errors);
    const [after] = judge.judge(again, errors, 0).metrics;
    expect(after!.harm).toBeCloseTo(before!.harm, 12);
    expect(after!.safety).toBeCloseTo(before!.safety, 12);
    const forgotten = judge.observe(state, { at, requests: [], labels: {} }, errors);
    expect(judge.judge(forgotten, errors, 0).metrics[0]!.harm).toBeGreaterThan(before!.harm);
  });

  it("aren't those that may live longer than was said at the start", () => {
    const judge = createEProcessJudge();
    const state = judge.start(errors, 0, { maxLifeMs: 1000 });
    const observe = (maxLifeMs?: number): number =>
      judge.observe(state, { ...intervalOf(1000, []), ...(maxLifeMs ? { maxLifeMs } : {}) }, errors).maxLife;
    expect([observe(), observe(500), observe(63_000)]).toEqual([1000, 1000, 63_000]);
  });
});
