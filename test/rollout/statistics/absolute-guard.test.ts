import { describe, expect, it } from "vitest";
import type { Interval, Judgement } from "../../../src/rollout/judge.ts";
import { createEProcessJudge } from "../../../src/rollout/statistics/e-process-judge.ts";
import { latencyBucket } from "../../../src/serving/outcomes.ts";
import type { RolloutPolicy } from "../../../src/spec/project.ts";
import { ended, intervalOf, judgedPolicy } from "../../contract/judge.ts";

const policy: RolloutPolicy = { ...judgedPolicy, guard: { errors: 0.05, latency: 1 } };
const judge = createEProcessJudge();

/** A second of both versions alike, at a share. */
function second(at: number, failing: number, ms: number, share = 0.5, isBaseline = false): Interval {
  const arm = (units: number): Interval["requests"][number]["champion"] => ({
    ...ended(units, units * failing),
    latency: units > 0 ? [[latencyBucket(ms), units]] : [],
  });
  const cell = { share, champion: arm(100 * (1 - share)), challenger: arm(100 * share) };
  return { ...intervalOf(at * 1000, [cell]), isBaseline };
}

function run(now: (at: number) => Interval, seconds: number, before = 10): Judgement {
  let state = judge.start(policy, 0);
  for (let at = 1; at <= before; at++) state = judge.observe(state, second(at, 0.01, 100, 0, true), policy);
  for (let at = before + 1; at <= before + seconds; at++) state = judge.observe(state, now(at), policy);
  return judge.judge(state, policy, 0);
}

describe("the absolute guard", () => {
  it("sees a challenger that starves the machine of both; the comparison alone sees nothing", () => {
    const failing = run((at) => second(at, 0.3, 100), 25);
    expect(failing).toMatchObject({ verdict: "worse", blamed: null, guard: { what: "errors" } });
    expect(failing.guard?.before).toBeCloseTo(0.01, 3);
    expect(failing.guard?.now).toBeCloseTo(0.3, 3);
    expect(failing.harm).toBeLessThan(failing.harmThreshold);
    const slow = run((at) => second(at, 0.01, 500), 25);
    expect(slow).toMatchObject({ verdict: "worse", blamed: null, guard: { what: "latency" } });
    expect(slow.guard!.now).toBeGreaterThan(slow.guard!.limit);
  });

  it("lets a short burst, a small rise and a quiet start be", () => {
    expect(run((at) => second(at, at < 14 ? 0.5 : 0.01, 100), 60).guard).toBeNull();
    expect(run((at) => second(at, 0.04, 140), 60).guard).toBeNull();
    expect(run((at) => second(at, 0.3, 500), 60, 1).guard).toBeNull();
  });

  it("watches what all traffic goes to after a switch, which isn't taken for the champion", () => {
    const judgement = run((at) => second(at, 0.2, 100, 1), 25);
    expect(judgement.guard?.what).toBe("errors");
    let state = judge.observe(judge.start(policy, 0), second(1, 0.01, 100, 0, true), policy);
    const known = state.metrics["errors"]!.bets!.q0;
    for (let at = 2; at < 20; at++) {
      const all = second(at, 0.9, 100, 1);
      state = judge.observe(state, all, policy);
    }
    expect(state.metrics["errors"]!.bets!.q0).toBeCloseTo(known, 2);
  });

  it("is off where the policy says so", () => {
    let state = judge.start(policy, 0);
    const off = { ...policy, guard: null };
    for (let at = 1; at <= 10; at++) state = judge.observe(state, second(at, 0.01, 100, 0, true), off);
    for (let at = 11; at <= 60; at++) state = judge.observe(state, second(at, 0.5, 900), off);
    expect(judge.judge(state, off, 0).guard).toBeNull();
  });
});
