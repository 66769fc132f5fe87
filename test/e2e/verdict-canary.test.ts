import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { RolloutEvidence } from "../../src/rollout/evidence.ts";
import { newFolder, removeFolder, startPlatform, type TestPlatform } from "./platform.ts";
import { environmentLog, hasEnded, kindsOf, table, TrialService } from "./verdict.ts";

const canary = (more: string): string => `serving: { scale: { min: 1 } }
rollout:
  steps: [50]
  ${more}
`;
const LATENCY = canary("metrics: [{ name: latency, quantile: 0.95, worseBy: 20% }]");
/** Of the median: on a machine that does other things too its distance is told from the margin's in seconds. */
const MEDIAN = canary("metrics: [{ name: latency, quantile: 0.5, worseBy: 20% }]");
const ERRORS = canary("metrics: [{ name: errors, worseBy: 0.5pp }]");
const FALLBACK = canary("fallback: true");

describe("a canary judged by what its callers see, with real processes", () => {
  const data = newFolder("verdict");
  let platform: TestPlatform;
  let service: TrialService;

  beforeAll(async () => {
    platform = await startPlatform(data);
    service = await TrialService.begin(platform, "answers", table());
  });
  afterAll(async () => {
    await platform.stop();
    removeFolder(data);
    service.removeWork();
  });

  /** Traffic until the rollout that runs has ended. */
  const trial = async () => {
    const { now, answers } = await service.drive("the end of the rollout", hasEnded);
    return { now, answers, evidence: await service.evidence() };
  };
  let first: RolloutEvidence | undefined;

  test("a version that takes as long is promoted", async () => {
    await service.warm();
    await service.push(table({ size: 12 }), MEDIAN);
    const { now, answers, evidence } = await trial();
    expect(now).toMatchObject({ champion: { version: 2 }, rollout: { state: "promoted" } });
    expect(kindsOf(answers)).toEqual(["200 1", "200 2"]);
    expect(evidence).toMatchObject({ verdict: "within-margin", rollout: { continues: null } });
  });

  test("a slower version is taken out, and everything that tells of it names the milliseconds", async () => {
    await service.push(table({ work: 100 }), LATENCY);
    const { now, answers, evidence } = await trial();
    expect(now).toMatchObject({ champion: { version: 2 }, challenger: null, weight: 0 });
    expect(kindsOf(answers)).toEqual(["200 2", "200 3"]);
    const sentence =
      /^version 3 was slower than [\d.]+ m?s in \d+ of \d+, version 2 slower than [\d.]+ m?s in \d+ of [\d,]+: taken out after [\d.]+ m?s, no bad answer/;
    expect(now.rollout).toMatchObject({ state: "rolledback", sentence: expect.stringMatching(sentence) });
    expect(evidence).toMatchObject({ verdict: "worse", guard: null, rollout: { continues: null } });
    expect(evidence.harm).toBeGreaterThanOrEqual(evidence.harmThreshold);
    expect(evidence.history.at(-1)?.harm).toBeGreaterThanOrEqual(evidence.harmThreshold);
    const [latency] = evidence.metrics;
    expect(latency?.slowAbove?.challenger).toBeGreaterThan(latency?.slowAbove?.champion ?? Infinity);
    expect(evidence.latency.challenger?.p50).toBeGreaterThan(latency?.slowAbove?.challenger ?? Infinity);
    const shown = await service.command("rollout", "show", "answers");
    expect(shown.code).toBe(0);
    expect(shown.output).toMatch(/^answers: version 3 against version 2: rolledback/);
    expect(shown.output.replace(/\s+/g, " ")).toContain(now.rollout?.sentence);
    expect(shown.output).toContain("evidence over time");
    const commit = (await environmentLog(platform, "%B")).at(-1);
    expect(commit).toContain(now.rollout?.sentence);
    expect(commit).toContain(`Slipway-Rollout: ${now.rollout?.id}`);
    first = evidence;
  });

  test("the same model pushed again goes on from that evidence", async () => {
    await service.push(table({ work: 100 }), LATENCY);
    const { now, evidence } = await trial();
    expect(now).toMatchObject({ champion: { version: 2 }, rollout: { version: 4, state: "rolledback" } });
    expect(evidence.rollout).toMatchObject({ version: 4, continues: first?.rollout.id });
    expect(now.rollout?.sentence).toContain(`going on from the evidence of ${first?.rollout.id}`);
    const [latency] = evidence.metrics;
    // What goes on is a logarithm: the last digit may differ.
    expect(latency?.harm).toBeGreaterThanOrEqual((first?.metrics[0]?.harm ?? Infinity) * (1 - 1e-9));
    expect(latency?.challenger.units).toBeGreaterThanOrEqual(first?.metrics[0]?.challenger.units ?? Infinity);
  });

  test("with a fall-back no caller sees the fault, and the test does", async () => {
    await service.push(table({ size: 5 }), FALLBACK);
    const { now, answers, evidence } = await trial();
    expect(now).toMatchObject({ champion: { version: 2 }, rollout: { version: 5, state: "rolledback" } });
    expect(now.rollout?.sentence).toMatch(
      /^version 5 failed \d+ of \d+ requests, version 2 0 of \d+: taken out after .+, no bad answer/,
    );
    expect(evidence.badAnswers).toBe(0);
    expect(kindsOf(answers)).toEqual(["200 2", "200 2 fallback 5", "200 5"]);
    for (const { question, value, fallback } of answers) {
      expect(value).toBe(question * 10);
      if (fallback !== null) expect(question).toBeGreaterThanOrEqual(5);
    }
  });

  test("a version that hangs is taken out where callers leave before its deadline, though errors alone are judged", async () => {
    await service.push(table({ work: 800 }), ERRORS);
    const { now } = await service.drive("the end of the rollout", hasEnded, { patience: 200 });
    expect(now).toMatchObject({ champion: { version: 2 }, rollout: { version: 6, state: "rolledback" } });
    expect(now.rollout?.sentence).toMatch(
      /^callers of version 6 left before its answer \d+ times of \d+, of version 2 \d+ of \d+: taken out after [\d.]+ m?s$/,
    );
    const evidence = await service.evidence();
    expect(evidence).toMatchObject({ verdict: "worse", badAnswers: 0, guard: null });
    expect(evidence.metrics).toMatchObject([{ metric: "errors", verdict: "undecided" }]);
    expect(evidence.left?.challenger.loss).toBeGreaterThan(0);
  });
});
