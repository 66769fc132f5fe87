import { expect, it } from "vitest";
import type { OutcomeCounter, OutcomeReport } from "../../../../../src/serving/outcomes.ts";
import { OutcomeCounters } from "../../../../../src/serving/router/outcome-counters.ts";
import { Division } from "../../../../../src/targets/kubernetes/serving/gateway/division.ts";
import {
  DoorCounts,
  withoutShare,
} from "../../../../../src/targets/kubernetes/serving/gateway/door-counts.ts";
import {
  isIntervalOver,
  observedShare,
} from "../../../../../src/targets/kubernetes/serving/gateway/observed-share.ts";

const TRIAL = { commit: "b", isTrial: true, isStopped: false };

it("leaves the interval of a change out, and numbers those that follow", () => {
  const division = new Division("me", { commit: "a", isTrial: false, isStopped: false }, 0);
  expect(division.epoch).toBe("a~");
  expect([division.settles(4_999), division.settles(5_000), division.epoch]).toEqual([false, true, "a"]);
  division.change(TRIAL, 10_000);
  expect([division.settles(60_000), division.epoch, division.isDividing]).toEqual([false, "b~", false]);
  division.applied(60_000);
  expect([division.settles(65_000), division.epoch, division.isDividing]).toEqual([true, "b@me.1", true]);
  division.close(70_000);
  expect([division.epoch, division.closing]).toEqual(["b@me.2", { epoch: "b@me.1" }]);
  const closing = division.closing!;
  expect(division.decide(closing, { champion: 90, challenger: 10 })).toEqual({ epoch: "b", share: 0.1 });
  expect(division.decide(closing, { champion: 1, challenger: 1 })).toEqual({ epoch: "b", share: 0.1 });
  division.closed(closing);
  division.change({ ...TRIAL, isStopped: true }, 80_000);
  expect(division.epoch).toBe("b!");
  expect(division.closing).toEqual({ epoch: "b@me.2", to: { epoch: "b~", share: 0 } });
  division.applied(80_000);
  expect([division.settles(90_000), division.epoch]).toEqual([false, "b!"]);
});

it("ends an interval by what began in it alone", () => {
  expect(isIntervalOver({ champion: 180, challenger: 20 }, 2_000)).toBe(true);
  expect(isIntervalOver({ champion: 180, challenger: 19 }, 2_000)).toBe(false);
  expect(isIntervalOver({ champion: 180, challenger: 20 }, 500)).toBe(false);
  expect(isIntervalOver({ champion: 3, challenger: 0 }, 30_000)).toBe(true);
  expect(isIntervalOver({ champion: 0, challenger: 0 }, 90_000)).toBe(false);
});

it("tells shares on a grid that add up to what was had", () => {
  expect(observedShare({ champion: 10, challenger: 0 }, 0).share).toBe(0);
  expect(observedShare({ champion: 0, challenger: 10 }, 0).share).toBe(1);
  expect(observedShare({ champion: 9_999, challenger: 1 }, 0).share).toBe(0.001);
  for (const challenger of [7, 13, 26, 104]) {
    let carry = 0;
    let told = 0;
    const shares = new Set<number>();
    for (let i = 0; i < 500; i++) {
      const one = observedShare({ champion: 207 - challenger, challenger }, carry);
      ({ carry } = one);
      told += one.share * 207;
      shares.add(one.share);
    }
    expect(Math.abs(told - challenger * 500)).toBeLessThan(2.07);
    expect(shares.size).toBeLessThanOrEqual(2);
  }
});

it("counts what was under way where its interval is counted", () => {
  let now = 0;
  const counters = new OutcomeCounters("one", () => now);
  const assignment = { version: 2, arm: "challenger" as const, share: 1 };
  const first = counters.start("iris", { ...assignment, epoch: "b@me.1" });
  const second = counters.start("iris", { ...assignment, epoch: "b@me.1" });
  counters.finish(first, true, 5);
  counters.settle("iris", "b@me.1", { epoch: "b", share: 0.1 });
  const third = counters.start("iris", { ...assignment, epoch: "b@me.2" });
  now = 40;
  counters.finish(second, false, 40);
  counters.abort(third, 7);
  counters.settle("iris", "b@me.2", { epoch: "b", share: 0.1 });
  counters.settle("other", "b@me.2", { epoch: "b", share: 0.1 });
  const report = counters.report();
  expect(report).toHaveLength(1);
  expect(report[0]).toMatchObject({
    epoch: "b",
    arm: "challenger",
    share: 0.1,
    started: 3,
    finished: 2,
    failed: 1,
  });
  expect(report[0]).toMatchObject({ aborted: 1, latency: { sum: 45 }, abortedLatency: { sum: 7 } });
  expect(report[0]?.latency.counts.reduce((sum, [, count]) => sum + count, 0)).toBe(2);
});

it("tells units once their share is known, whether their pod is still there or not", () => {
  const counts = new DoorCounts("sum");
  counts.observe("pod-1", report("p1", 1, [cell("champion", "b@me.1", 9)]));
  counts.observe("pod-2", report("p2", 1, [cell("challenger", "b@me.1", 1), cell("challenger", "b", 4)]));
  expect(counts.started("iris", "b@me.1")).toEqual({ champion: 9, challenger: 1 });
  expect(counts.leave("pod-2")).toHaveLength(1);
  expect(counts.report(2).counters.map(({ finished }) => finished)).toEqual([4]);
  const interval = { service: "iris", from: "b@me.1", to: "b", share: 0.1 };
  const [kept] = counts.settle(interval);
  expect(kept).toMatchObject({ incarnation: "p2" });
  expect(kept?.counters).toMatchObject([
    { epoch: "b", share: 0.1, finished: 1 },
    { epoch: "b", share: 1, finished: 4 },
  ]);
  // It goes before it was read once more.
  const [left] = counts.leave("pod-1");
  expect(left?.counters).toMatchObject([{ epoch: "b", share: 0.1, finished: 9 }]);
  expect(counts.report(3).counters.reduce((sum, { finished }) => sum + finished, 0)).toBe(14);
});

it("counts what a former leader had begun in no test", () => {
  expect(withoutShare([cell("champion", "b@other.7", 3)])).toMatchObject([{ epoch: "b~", finished: 3 }]);
});

function report(
  incarnation: string,
  at: number,
  cells: Omit<OutcomeCounter, "incarnation">[],
): OutcomeReport {
  return { at, incarnation, shadows: [], counters: cells.map((one) => ({ ...one, incarnation })) };
}

function cell(arm: "champion" | "challenger", epoch: string, units: number): OutcomeCounter {
  const none = { counts: [], sum: 0 };
  return {
    service: "iris",
    version: arm === "champion" ? 1 : 2,
    arm,
    epoch,
    share: arm === "champion" ? 0 : 1,
    incarnation: "",
    started: units,
    finished: units,
    failed: 0,
    aborted: 0,
    fellBack: 0,
    latency: none,
    abortedLatency: none,
  };
}
