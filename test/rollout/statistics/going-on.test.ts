import { describe, expect, it } from "vitest";
import { createEProcessJudge } from "../../../src/rollout/statistics/e-process-judge.ts";
import { counterparts, goOn } from "../../../src/rollout/statistics/going-on.ts";
import type { RolloutMetric } from "../../../src/spec/project.ts";
import { ended, ERRORS, intervalOf, LABELS, LATENCY, policyOf } from "./traps/stream.ts";

const judge = createEProcessJudge();

function known(metrics: RolloutMetric[], losses: number) {
  const policy = policyOf(metrics);
  const cells = [{ share: 0.5, champion: ended(400, 4), challenger: ended(400, losses) }];
  return { state: judge.observe(judge.start(policy, 0), intervalOf(1000, cells), policy), metrics };
}

describe("the same question", () => {
  const accuracy = (name: string, changes: object = {}): RolloutMetric =>
    ({ ...LABELS, ...changes, name }) as RolloutMetric;

  it.each<[string, RolloutMetric, RolloutMetric, boolean]>([
    ["under another name", accuracy("a"), accuracy("b"), true],
    ["of an earlier version's policy", accuracy("a", { within: undefined }), accuracy("a"), true],
    ["with another margin", ERRORS, { ...ERRORS, worseBy: 0.01 } as RolloutMetric, false],
    ["with another quantile", LATENCY, { ...LATENCY, quantile: 0.99 } as RolloutMetric, false],
    ["with another floor", LATENCY, { ...LATENCY, floor: 5 } as RolloutMetric, false],
    ["of labels that wait for another time", accuracy("a"), accuracy("a", { within: 60_000 }), false],
    ["of another kind", ERRORS, accuracy("errors", { worseBy: 0.005 }), false],
  ])("%s", (_what, one, other, isSame) => {
    expect(counterparts([one], [other]).has(one.name)).toBe(isSame);
  });

  it("is asked once, first by the metric of its own name", () => {
    const found = counterparts([accuracy("new"), accuracy("kept")], [accuracy("kept"), accuracy("gone")]);
    expect([...found]).toEqual([
      ["kept", "kept"],
      ["new", "gone"],
    ]);
    expect(counterparts([accuracy("a"), accuracy("b")], [accuracy("c")]).size).toBe(1);
  });
});

describe("going on from earlier trials", () => {
  it("takes each metric from the newest that has it, and tells those that nobody has", () => {
    const [newest, older] = [known([LATENCY], 0), known([ERRORS], 60)];
    const trials = [newest, older].map((trial) => ({ ...trial, isSafetySpent: false }));
    const policy = policyOf([ERRORS, LATENCY, LABELS]);
    const state = goOn(trials, policy)!;
    expect(state.metrics["errors"]).toEqual(older.state.metrics["errors"]);
    expect(state.metrics["latency"]).toEqual(newest.state.metrics["latency"]);
    expect(judge.judge(state, policy, 0)).toMatchObject({ verdict: "worse", beganAnew: ["accuracy"] });
    // Those that begin anew do so once.
    const again = goOn([{ state, metrics: policy.metrics, isSafetySpent: false }], policy)!;
    expect(judge.judge(again, policy, 0).beganAnew).toBeUndefined();
    expect(goOn([], policy)).toBeNull();
  });

  it("keeps harm and at most 1 of safety once that is spent, of what was before as well", () => {
    const trials = [known([LATENCY], 0), known([ERRORS], 0)].map((trial, i) => ({
      ...trial,
      isSafetySpent: i === 0,
    }));
    const policy = policyOf([ERRORS]);
    const [before] = judge.judge(trials[1]!.state, policy, 0).metrics;
    const [after] = judge.judge(goOn(trials, policy)!, policy, 0).metrics;
    expect(before!.safety).toBeGreaterThan(2);
    expect(after!.safety).toBeCloseTo(1, 9);
    expect(after!.harm).toBe(before!.harm);
    expect(after!.champion).toEqual(before!.champion);
  });
});
