import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LATENCY_BUCKETS, latencyBucket, latencyEdge } from "../../src/serving/outcomes.ts";
import type { Assignment } from "../../src/serving/router/assign.ts";
import { OutcomeCounters } from "../../src/serving/router/outcome-counters.ts";

const assignment = (more: Partial<Assignment> = {}): Assignment => ({
  version: 2,
  arm: "challenger",
  epoch: "c1",
  share: 0.1,
  ...more,
});

describe("OutcomeCounters", () => {
  it("adds up to what became of the units, whatever became of them", () => {
    const ending = fc.record({
      how: fc.constantFrom("answer", "failure", "fall-back", "abort", "pending"),
      milliseconds: fc.double({ min: 0, max: 40_000, noNaN: true }),
    });
    fc.assert(
      fc.property(fc.array(ending, { minLength: 1, maxLength: 60 }), (endings) => {
        const counters = new OutcomeCounters("one", () => 0);
        for (const { how, milliseconds } of endings) {
          const cell = counters.start("s", assignment());
          if (how === "answer" || how === "failure") counters.finish(cell, how === "failure", milliseconds);
          if (how === "fall-back") counters.fallBack(cell, milliseconds);
          if (how === "abort") counters.abort(cell, milliseconds);
        }
        const [cell] = counters.report();
        const number = (...hows: string[]) => endings.filter(({ how }) => hows.includes(how)).length;
        expect(cell).toMatchObject({
          started: endings.length,
          finished: number("answer", "failure", "fall-back"),
          failed: number("failure", "fall-back"),
          fellBack: number("fall-back"),
          aborted: number("abort"),
        });
        const total = (counts: [number, number][] = []) => counts.reduce((sum, [, count]) => sum + count, 0);
        expect(total(cell?.latency.counts)).toBe(cell?.finished);
        expect(total(cell?.abortedLatency.counts)).toBe(cell?.aborted);
      }),
    );
  });

  it("keeps latencies in rising buckets that hold them", () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 600_000, noNaN: true }), (milliseconds) => {
        const counters = new OutcomeCounters("one", () => 0);
        counters.finish(counters.start("s", assignment()), false, milliseconds);
        const [[bucket] = [-1]] = counters.report()[0]?.latency.counts ?? [];
        expect(bucket).toBe(latencyBucket(milliseconds));
        expect(milliseconds).toBeLessThanOrEqual(latencyEdge(bucket) * (1 + 1e-9));
        if (bucket > 0) expect(milliseconds).toBeGreaterThan(latencyEdge(bucket - 1) * (1 - 1e-9));
        expect(bucket).toBeLessThan(LATENCY_BUCKETS);
      }),
    );
    const counters = new OutcomeCounters("one", () => 0);
    for (const milliseconds of [900, 3, 3.001, 0.2])
      counters.finish(counters.start("s", assignment()), false, milliseconds);
    const counts = counters.report()[0]?.latency.counts ?? [];
    expect(counts.map(([bucket]) => bucket)).toEqual(counts.map(([bucket]) => bucket).sort((a, b) => a - b));
    expect(counts).toHaveLength(3);
  });

  it("never mixes shares, arms, versions or epochs in one cell", () => {
    const counters = new OutcomeCounters("one", () => 0);
    for (const more of [{}, { share: 0.2 }, { arm: "champion" as const }, { version: 3 }, { epoch: "c1~" }])
      counters.start("s", assignment(more));
    expect(counters.report().map((cell) => cell.started)).toEqual([1, 1, 1, 1, 1]);
  });

  it("stays bounded, and drops the oldest epochs first", () => {
    const counters = new OutcomeCounters("one", () => 0);
    for (let epoch = 0; epoch < 1_000; epoch++) counters.start("s", assignment({ epoch: `c${epoch}` }));
    const epochs = counters.report().map((cell) => cell.epoch);
    expect(epochs.length).toBeLessThanOrEqual(256);
    expect(epochs.at(-1)).toBe("c999");
  });

  it("keeps the latencies of a trial's first seconds apart, in both arms alike", () => {
    let now = 0;
    const counters = new OutcomeCounters("one", () => now, 3_000);
    const unit = (arm: "champion" | "challenger", onTrial: number, startsAt: number): void => {
      now = startsAt;
      const cell = counters.start("s", assignment({ arm, version: arm === "champion" ? 1 : 2, onTrial }));
      now = startsAt + 50;
      counters.finish(cell, false, 50);
    };
    for (const arm of ["champion", "challenger"] as const)
      for (const at of [0, 2_990, 3_000, 9_000]) unit(arm, 2, at);
    for (const cell of counters.report()) {
      const total = (counts: [number, number][] = []) => counts.reduce((sum, [, count]) => sum + count, 0);
      expect(cell).toMatchObject({ started: 4, finished: 4 });
      // The trial began with its first unit, for both arms; that moment has passed for all later ones.
      expect(total(cell.warmUp?.counts)).toBe(2);
      expect(total(cell.latency.counts)).toBe(2);
    }
  });

  it("begins a trial's first seconds again when the same version is tried again", () => {
    let now = 0;
    const counters = new OutcomeCounters("one", () => now, 3_000);
    const unit = (epoch: string, more: Partial<Assignment>): void =>
      counters.finish(counters.start("s", assignment({ epoch, ...more })), false, 1);
    now = 10;
    unit("c1", { onTrial: 2 });
    now = 60_000;
    unit("c2", { version: 1, arm: "champion", share: 0 });
    now = 120_000;
    unit("c3", { onTrial: 2 });
    expect(counters.report().map(({ warmUp }) => warmUp?.counts.length)).toEqual([1, 0, 1]);
  });
});
