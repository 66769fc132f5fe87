import { describe, expect, it } from "vitest";
import { createEProcessJudge } from "../../../src/rollout/statistics/e-process-judge.ts";
import { whatWouldChange } from "../../../src/rollout/statistics/what-would-change.ts";
import type { RolloutPolicy } from "../../../src/spec/project.ts";
import { ended, intervalOf, judgedPolicy } from "../../contract/judge.ts";

const judge = createEProcessJudge();
const policy: RolloutPolicy = { ...judgedPolicy, steps: [10] };
const names = { challenger: "version 3", champion: "version 2" };

function seen(champion: [number, number], challenger: [number, number]): ReturnType<typeof judge.start> {
  const cell = { share: 0.1, champion: ended(...champion), challenger: ended(...challenger) };
  return judge.observe(judge.start(policy, 0), intervalOf(1000, [cell]), policy);
}

describe("what would change the verdict", () => {
  it("names the very number of failures that takes it out", () => {
    const state = seen([900, 9], [100, 2]);
    const { metrics, sentences } = whatWouldChange(state, policy, 0, names);
    const failures = metrics[0]?.failuresToRollBack ?? 0;
    const verdictAfter = (more: number): string => {
      const cell = { share: 0.1, champion: ended(0, 0), challenger: ended(more, more) };
      return judge.judge(judge.observe(state, intervalOf(2000, [cell]), policy), policy, 0).verdict;
    };
    expect(failures).toBeGreaterThan(1);
    expect(verdictAfter(failures)).toBe("worse");
    expect(verdictAfter(failures - 1)).toBe("undecided");
    expect(sentences[0]).toBe(
      `${failures} more failed requests of version 3 with none of version 2 take it out`,
    );
  });

  it("tells about how many good answers promote it", () => {
    let state = seen([9000, 9], [1000, 1]);
    const promised = whatWouldChange(state, policy, 0, names).metrics[0]?.goodToPromote ?? 0;
    let given = 0;
    while (judge.judge(state, policy, 0).verdict === "undecided" && given < 10 * promised) {
      const champion = ended(900, given % 1000 === 0 ? 1 : 0);
      given += 100;
      const cell = { share: 0.1, champion, challenger: ended(100, 0) };
      state = judge.observe(state, intervalOf(1000 + given, [cell]), policy);
    }
    expect(given / promised).toBeGreaterThan(0.5);
    expect(given / promised).toBeLessThan(2);
  });

  it("says what good answers lead to: one metric of several, or an early step, promotes nothing", () => {
    const state = seen([9000, 9], [1000, 1]);
    const said = (more: Partial<RolloutPolicy>, place = {}): string =>
      whatWouldChange(state, { ...policy, ...more }, 0, names, place).sentences.at(-1) ?? "";
    expect(said({})).toMatch(/^about \d+ more answers of version 3 without a failure promote it$/);
    expect(said({ approval: "lead" })).toMatch(/ clear it for the yes of lead$/);
    expect(said({ approval: "lead" }, { isApproved: true })).toMatch(/ promote it$/);
    expect(said({}, { isHeld: true })).toMatch(/ clear errors$/);
    expect(said({ steps: [10, 50] }, { isShadow: true })).toMatch(/ clear errors$/);
    expect(said({ steps: [10, 11, 12, 50] })).not.toContain("promote");
    const early = seen([900, 9], [100, 1]);
    const steps = whatWouldChange(early, { ...policy, steps: [10, 50] }, 0, names).sentences;
    expect(steps.at(-1)).toMatch(/ take it to the next step$/);
    const both: RolloutPolicy = {
      ...policy,
      metrics: [...policy.metrics, { name: "accuracy", from: "labels", worseBy: 0.01, within: 0 }],
    };
    const cell = { share: 0.1, champion: ended(900, 9), challenger: ended(100, 1) };
    const labels = { accuracy: [{ share: 0.1, champion: ended(90, 9), challenger: ended(10, 1) }] };
    const two = judge.observe(judge.start(both, 0), { ...intervalOf(1000, [cell]), labels }, both);
    const { sentences } = whatWouldChange(two, both, 0, names);
    expect(sentences.filter((line) => line.startsWith("about"))).toEqual([
      expect.stringMatching(/ without a failure clear errors$/),
      expect.stringMatching(/ labelled answers of version 3 without a wrong one clear accuracy$/),
    ]);
  });

  it("knows nothing before the first unit, and asks for none when it is decided", () => {
    expect(whatWouldChange(judge.start(policy, 0), policy, 0, names).metrics[0]?.goodToPromote).toBeNull();
    const worse = whatWouldChange(seen([900, 9], [100, 60]), policy, 0, names);
    expect(worse.metrics[0]?.failuresToRollBack).toBe(0);
  });
});
