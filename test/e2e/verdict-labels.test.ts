import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { api, eventually, newFolder, removeFolder, startPlatform, type TestPlatform } from "./platform.ts";
import { hasEnded, table, TrialService, type Answer } from "./verdict.ts";

const WITHIN_MS = 2000;
const LABELS = `serving: { scale: { min: 1 } }
rollout:
  steps: [50]
  metrics: [{ name: accuracy, from: labels, worseBy: 10pp, within: 2s }]
`;

describe("labels and plans, with real processes", () => {
  const data = newFolder("verdict-labels");
  let platform: TestPlatform;
  let service: TrialService;
  let other: TrialService;

  beforeAll(async () => {
    platform = await startPlatform(data);
    [service, other] = await Promise.all([
      TrialService.begin(platform, "grades", table(), LABELS),
      TrialService.begin(platform, "marks", table(), LABELS),
    ]);
  });
  afterAll(async () => {
    await platform.stop();
    removeFolder(data);
    service.removeWork();
    other.removeWork();
  });

  async function send(labels: readonly object[]): Promise<{ status: number; body: LabelsAnswer }> {
    const answer = await fetch(`${platform.url}/api/slipway/v1/services/grades/labels`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ labels }),
    });
    return { status: answer.status, body: (await answer.json()) as LabelsAnswer };
  }
  /** The true answer is ten times the question. */
  const truths = (answers: readonly Answer[]): object[] =>
    answers.map(({ id, question }) => ({ id, label: question * 10 }));
  /** Labels of the service, whatever became of them. */
  async function kept(): Promise<number> {
    const { labels } = await api<{ labels: Record<string, number> }>(platform, "/services/grades");
    return Object.values(labels).reduce((sum, count) => sum + count, 0);
  }

  /** Predictions of both services that are known as such, and that no label names yet. */
  let spared: Answer | undefined;
  let foreign: Answer | undefined;

  test("a version that is wrong by its labels is taken out, and none counts before its time", async () => {
    await service.push(table({ step: 11 }), LABELS);
    foreign = await other.predict();
    spared = await service.predict();
    let first = Infinity;
    let early: string | undefined;
    const { now } = await service.drive("the end of the rollout", hasEnded, {
      async onAnswers(answers) {
        first = Math.min(first, ...answers.map(({ at }) => at));
        if (answers.length > 0) expect(await send(truths(answers))).toMatchObject({ status: 200 });
        const { metrics } = await service.evidence();
        const counted = metrics.reduce(
          (sum, { champion, challenger }) => sum + champion.units + challenger.units,
          0,
        );
        if (counted > 0 && Date.now() - first < WITHIN_MS)
          early ??= `${counted} after ${Date.now() - first} ms`;
      },
    });
    expect(early).toBeUndefined();
    expect(now).toMatchObject({ champion: { version: 1 }, rollout: { version: 2, state: "rolledback" } });
    expect(now.rollout?.sentence).toMatch(
      /^version 2 was wrong on \d+ of \d+ labelled answers \(accuracy\), version 1 on 0 of \d+: taken out after .+, \d+ bad answers/,
    );
    const evidence = await service.evidence();
    expect(evidence.badAnswers).toBeGreaterThan(0);
    expect(evidence.rollout.endedAt ?? 0).toBeGreaterThanOrEqual(first + WITHIN_MS);
  });

  test("labels that can't be are refused, all of their request, and nothing is written", async () => {
    const before = await kept();
    const good = (await service.predict()).id;
    const id = spared?.id;
    const hour = 3_600_000;
    const refusals: [string, object][] = [
      ["LABEL_LOSS_INVALID", { id, loss: 1.5 }],
      ["LABEL_LOSS_INVALID", { id, loss: -0.1 }],
      ["LABEL_IN_FUTURE", { id, label: 10, at: Date.now() + hour }],
      ["LABEL_TOO_EARLY", { id, label: 10, at: Date.now() - hour }],
      ["LABEL_TIME_INVALID", { id, label: 10, at: "yesterday" }],
      ["LABEL_AND_LOSS", { id, label: 10, loss: 0 }],
      ["INVALID_REQUEST", { id }],
      ["LABEL_OTHER_SERVICE", { id: foreign?.id, label: 10 }],
    ];
    for (const [code, label] of refusals) {
      const { status, body } = await send([{ id: good, label: 10 }, label]);
      expect([status, body.error?.code, body.error?.where]).toEqual([
        400,
        code,
        expect.stringMatching(/^body\.labels\.1\b/),
      ]);
      expect(body.error?.hint).not.toBe("");
    }
    expect(await kept()).toBe(before);
    // One by one what was right in them is taken.
    const taken = await send([{ id: good, label: 10, at: new Date().toISOString() }]);
    expect(taken).toMatchObject({ status: 200, body: { accepted: 1 } });
  });

  const FEW = `serving: { scale: { min: 1 } }
rollout:
  deadline: 1m
  metrics: [{ name: errors, worseBy: 0.5pp }]
`;
  const WILL_HOLD =
    /at [\d.]+ requests\/s a 0\.5 pp margin of errors can't be proven in 60 s \(about [\d.]+ \w+\): it will hold/;

  test("a plan says that too little traffic decides nothing, and so does the push", async () => {
    await other.write(table({ step: 12 }), FEW);
    const asked = await other.command("plan", other.work, "--traffic", "2/s");
    expect(asked.code).toBe(0);
    expect(asked.output).toMatch(WILL_HOLD);
    expect(asked.output).toContain("at 2 requests/s");
    const enough = await other.command("plan", other.work, "--traffic", "5000/s");
    expect(enough.output).toMatch(/at 5000 requests\/s: an equal version is promoted after about [\d.]+ s/);
    expect(enough.output).not.toContain("it will hold");
    await eventually("what its own traffic is", async () => {
      await other.predict();
      const planned = await other.command("plan", other.work, "--json");
      const { plan } = JSON.parse(planned.output) as { plan: { traffic: { source: string } | null } };
      return plan.traffic?.source === "measured" ? true : undefined;
    });
    const pushed = await other.push(table({ step: 12 }), FEW);
    expect(pushed).toMatch(new RegExp(`remote: slipway: rollout: ${WILL_HOLD.source}`));
    expect(await other.until("the trial", ({ weight }) => weight === 5)).toMatchObject({
      challenger: { version: 2 },
    });
  });

  test.each([
    ["deadline: 2s", "7:13", "3 steps can't be gone in 2 s"],
    [
      "metrics: [{ name: latency, quantile: 0.95, worseBy: 20%, floor: 5s }]",
      "7:67",
      "a difference below 5 s would never be worse, and every request ends at serving.timeout, 2 s",
    ],
    [
      "metrics: [{ name: accuracy, from: labels, worseBy: 1pp, within: 3h }]",
      "7:67",
      "it counts after 3 h, the deadline is 2 h",
    ],
  ])("a push of %s is refused with line, column and numbers", async (line, place, why) => {
    const before = await other.view();
    const refused = await other.push(table({ step: 13 }), `rollout:\n  ${line}\n`);
    expect(refused).toContain(`slipway.yaml:${place}: `);
    expect(refused).toContain(why);
    expect(refused).toContain("pre-receive hook declined");
    expect(await other.view()).toEqual(before);
  });
});

interface LabelsAnswer {
  accepted?: number;
  error?: { code: string; where: string; hint: string };
}
