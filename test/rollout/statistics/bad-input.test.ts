import { describe, expect, it } from "vitest";
import type { Interval, Judge } from "../../../src/rollout/judge.ts";
import { createEProcessJudge, type EProcessState } from "../../../src/rollout/statistics/e-process-judge.ts";
import { readState } from "../../../src/rollout/statistics/e-process-state.ts";
import type { RolloutPolicy } from "../../../src/spec/project.ts";
import { ended, intervalOf, judgedPolicy } from "../../contract/judge.ts";

const policy: RolloutPolicy = {
  ...judgedPolicy,
  guard: { errors: 0.1, latency: 4 },
  metrics: [
    { name: "errors", worseBy: 0.005 },
    { name: "latency", quantile: 0.95, worseBy: 0.2, floor: 5 },
    { name: "accuracy", from: "labels", worseBy: 0.01, within: 0 },
  ],
};
const judge: Judge<EProcessState> = createEProcessJudge();

function finite(value: unknown): boolean {
  if (typeof value === "number") return Number.isFinite(value);
  if (typeof value !== "object" || value === null) return true;
  return Object.values(value).every(finite);
}

function interval(at: number): Interval {
  const arm = (units: number): Interval["requests"][number]["champion"] => ({
    ...ended(units, 0),
    latency: [[300, units]],
  });
  return intervalOf(at, [{ share: 0.1, champion: arm(90), challenger: arm(10) }]);
}

describe("bad input", () => {
  it("of counters that went backwards or aren't numbers leaves no number that isn't finite", () => {
    let state = judge.start(policy, 0);
    for (const bad of [-5, Number.NaN, Infinity, 1e300]) {
      const arm = {
        ended: bad,
        loss: bad,
        pending: bad,
        aborted: bad,
        latency: [[bad, bad]] as [number, number][],
        abortedLatency: [[3, bad]] as [number, number][],
      };
      for (const share of [bad, 0, 0.1, 1])
        state = judge.observe(
          state,
          {
            at: bad,
            requests: [{ share, champion: arm, challenger: arm }],
            labels: { accuracy: [{ share, champion: arm, challenger: arm }] },
          },
          policy,
        );
      state = judge.observe(state, interval(1000), policy);
    }
    expect(finite(state)).toBe(true);
    expect(finite(judge.judge(state, policy, 0))).toBe(true);
  });

  it("of a clock that jumps neither takes wealth back nor lets an hour pass", () => {
    let state = judge.start(policy, 0);
    for (let at = 1; at < 50; at++) state = judge.observe(state, interval(at * 1000), policy);
    const before = judge.judge(state, policy, 0);
    const rate = state.metrics["errors"]!.rate;
    for (const at of [-1e12, 1e13, 0]) {
      state = judge.observe(state, intervalOf(at, []), policy);
      const { harm, metrics } = judge.judge(state, policy, 0);
      expect(harm).toBeCloseTo(before.harm, 9);
      expect(metrics[0]?.safety).toBeCloseTo(before.metrics[0]!.safety, 9);
    }
    expect(state.clock).toBeLessThanOrEqual(49_000 + 60_000);
    expect(state.metrics["errors"]!.rate.units).toBeGreaterThan(rate.units * 0.7);
  });

  it("of a state of an earlier shape begins anew", () => {
    const old = { at: 5, metrics: { errors: { kind: "errors", harm: { cash: -1, bets: [] } } } };
    expect(readState(old)).toBeNull();
    expect(readState(null)).toBeNull();
    const state = judge.observe(old as unknown as EProcessState, interval(1000), policy);
    expect(readState(JSON.parse(JSON.stringify(state)))).toEqual(state);
    expect(judge.judge(old as unknown as EProcessState, policy, 0).verdict).toBe("undecided");
  });

  it("of a policy stored by an earlier version, without the new keys, is read", () => {
    const { guard: _, ...rest } = judgedPolicy;
    const stored = {
      ...rest,
      metrics: [{ name: "latency", quantile: 0.95, worseBy: 0.2 }],
    } as unknown as RolloutPolicy;
    let state = judge.start(stored, 0);
    for (let at = 1; at < 20; at++) state = judge.observe(state, interval(at * 1000), stored);
    expect(finite(state)).toBe(true);
    expect(state.metrics["latency"]!.bets).not.toBeNull();
  });
});
