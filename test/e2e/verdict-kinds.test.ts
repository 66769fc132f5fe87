import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ServiceView } from "../../src/rollout/views.ts";
import {
  api,
  eventually,
  newFolder,
  processesOf,
  removeFolder,
  startPlatform,
  type TestPlatform,
} from "./platform.ts";
import { environmentLog, hasEnded, kindsOf, table, TrialService } from "./verdict.ts";

const rollout = (...lines: string[]): string =>
  ["serving: { scale: { min: 1 } }", "rollout:", ...lines.map((line) => `  ${line}`), ""].join("\n");
const CANARY = ["steps: [50]", "metrics: [{ name: errors, worseBy: 5pp }]"];
const SHADOW = rollout("shadow: { share: 100, for: 2s }", ...CANARY);
const COPIES_ONLY = rollout("shadow: true", ...CANARY);

describe("copies, switches and who comes back from them, with real processes", () => {
  const data = newFolder("verdict-kinds");
  let platform: TestPlatform;
  let service: TrialService;

  beforeAll(async () => {
    platform = await startPlatform(data);
    service = await TrialService.begin(platform, "prices", table());
  });
  afterAll(async () => {
    await platform.stop();
    removeFolder(data);
    service.removeWork();
  });

  /** Subjects of the newest commits, without the service's name. */
  const newest = async (count: number): Promise<string[]> =>
    (await environmentLog(platform)).slice(-count).map((subject) => subject.replace("prices: ", ""));
  const workers = (): number => processesOf(data).filter(({ role }) => role === "worker").length;

  test("one that fails on copies is taken out, and no caller was harmed", async () => {
    const { now, answers } = await service.trial(table({ size: 5 }), SHADOW);
    const evidence = await service.evidence();
    expect(now).toMatchObject({ champion: { version: 1 }, rollout: { version: 2, state: "rolledback" } });
    expect(now.rollout?.sentence).toMatch(
      /^version 2 failed \d+ of \d+ copies, version 1 0 of \d+: taken out after .+; no caller was harmed$/,
    );
    expect(kindsOf(answers)).toEqual(["200 1"]);
    expect(evidence).toMatchObject({ badAnswers: 0, verdict: "worse" });
    expect(await newest(2)).toEqual([
      "version 2 gets copies of 100 % of prices' requests",
      "roll back version 2",
    ]);
  });

  test("copies tell what is answered otherwise; callers get the new answers only after them", async () => {
    const { now, answers } = await service.trial(table({ step: 11 }), SHADOW);
    const evidence = await service.evidence();
    expect(now).toMatchObject({ champion: { version: 3 }, rollout: { state: "promoted" } });
    const { history } = await api<{ history: { at: number; weight: number; challenger: number | null }[] }>(
      platform,
      "/services/prices",
    );
    const began = history.find(({ weight, challenger }) => weight === 50 && challenger === 3)?.at ?? Infinity;
    const before = answers.filter(({ at }) => at < began);
    expect(before.length).toBeGreaterThan(10);
    expect(kindsOf(before)).toEqual(["200 1"]);
    expect(kindsOf(answers)).toEqual(["200 1", "200 3"]);
    const { shadow } = evidence;
    expect(shadow?.compared).toBeGreaterThan(10);
    expect(shadow?.differed).toBeGreaterThan(0);
    expect(shadow?.examples.length).toBeGreaterThan(0);
    const asked = new Map(answers.map((answer) => [answer.id, answer]));
    for (const { requestId, champion, challenger } of shadow?.examples ?? []) {
      const question = asked.get(requestId)?.question ?? Number.NaN;
      expect([champion, challenger]).toEqual([[question * 10], [question * 11]]);
    }
    const shown = await service.command("rollout", "show", "prices");
    expect(shown.output).toMatch(/copies: \d+ compared, [1-9]\d* answered otherwise/);
  });

  test("copies only: held until somebody approves", async () => {
    const isHeld = ({ rollout }: ServiceView): boolean => rollout?.state === "held";
    const { now, answers } = await service.trial(table({ size: 11 }), COPIES_ONLY, isHeld);
    expect(now).toMatchObject({ weight: 0, rollout: { version: 4, reason: "needs-approval" } });
    expect(now.rollout?.sentence).toContain("`slipway approve prices` goes on with real requests");
    expect(kindsOf(answers)).toEqual(["200 3"]);
    const approved = await service.command("approve", "prices", "--reason", "looked at");
    expect(approved.code).toBe(0);
    const after = await service.drive("the end of the rollout", hasEnded);
    expect(after.now).toMatchObject({ champion: { version: 4 }, rollout: { state: "promoted" } });
    expect(kindsOf(after.answers)).toEqual(["200 3", "200 4"]);
  });

  test("blue-green: a person goes back within the watch, and no request fails", async () => {
    const switched = ({ weight }: ServiceView): boolean => weight === 100;
    const there = await service.trial(
      table({ size: 12 }),
      rollout("kind: blue-green", "watch: 10m"),
      switched,
    );
    await eventually("two workers", async () => (workers() === 2 ? true : undefined));
    let returned = Infinity;
    const asked = service.command("rollback", "prices", "--reason", "wrong currency");
    void asked.then(() => (returned = Date.now()));
    const { answers, now } = await service.drive(
      "version 4 again",
      (view) => returned < Infinity && hasEnded(view),
    );
    expect((await asked).code).toBe(0);
    expect(now).toMatchObject({ champion: { version: 4 }, weight: 0, rollout: { state: "rolledback" } });
    expect(now.rollout?.sentence).toContain("wrong currency");
    expect(kindsOf([...there.answers, ...answers])).toEqual(["200 4", "200 5"]);
    // The command returns when it is done; what it was asked before may still be on its way.
    expect(answers.filter(({ variant, at }) => variant === "5" && at > returned + 1000)).toEqual([]);
    expect((await service.predict()).variant).toBe("4");
    expect(await newest(2)).toEqual([
      "version 5 gets all of prices' requests, version 4 stays ready for 10 min",
      "roll back version 5",
    ]);
  });

  test("blue-green after copies: promoted after the watch; a rollback brings the old one back, and no request fails", async () => {
    const { now, answers } = await service.trial(
      table({ size: 13 }),
      rollout("kind: blue-green", "shadow: { share: 100, for: 1s }", "watch: 2s"),
    );
    expect(now).toMatchObject({ champion: { version: 6 }, rollout: { state: "promoted" } });
    expect(now.rollout?.sentence).toMatch(/^switched all requests to version 6; the absolute guard, outside/);
    expect(kindsOf(answers)).toEqual(["200 4", "200 6"]);
    const back = service.command("rollback", "prices", "--reason", "wrong again");
    const after = await service.drive("version 4 again", ({ champion, rollout }) => {
      return champion?.version === 4 && rollout?.state === "promoted";
    });
    expect((await back).code).toBe(0);
    expect(kindsOf(after.answers)).toEqual(["200 4", "200 6"]);
    expect(await newest(4)).toEqual([
      "version 6 gets copies of 100 % of prices' requests",
      "version 6 gets all of prices' requests, version 4 stays ready for 2 s",
      "promote version 6",
      "go back to version 4",
    ]);
  });

  test("blue-green: the absolute guard goes back, and says that no rate was declared for it", async () => {
    const guarded = rollout("kind: blue-green", "watch: 10m", "guard: { errors: 10pp }");
    const { now, answers } = await service.trial(table({ size: 5 }), guarded);
    const evidence = await service.evidence();
    expect(now).toMatchObject({ champion: { version: 4 }, rollout: { version: 7, state: "rolledback" } });
    expect(now.rollout?.sentence).toMatch(
      /^the absolute guard, outside the declared rates: [\d.]+ % of [\d,]+ requests failed, 0(\.\d+)? % before the rollout \(limit 10(\.\d+)? %\)/,
    );
    expect(evidence.guard).toMatchObject({ what: "errors" });
    expect(evidence.guard?.now).toBeGreaterThan(evidence.guard?.limit ?? Infinity);
    const failed = answers.filter(({ status }) => status !== 200);
    expect(failed.length).toBeGreaterThan(0);
    expect(evidence.badAnswers).toBeGreaterThan(0);
    expect(evidence.badAnswers).toBeLessThanOrEqual(failed.length);
    const commit = (await environmentLog(platform, "%B")).at(-1);
    expect(commit).toContain("outside the declared rates");
  });

  test("instant: champion by one commit, the old workers end, and no request fails", async () => {
    const { now, answers } = await service.trial(table({ size: 14 }), rollout("kind: instant"));
    expect(now).toMatchObject({ champion: { version: 8 }, challenger: null, rollout: { state: "promoted" } });
    expect(now.rollout?.sentence).toContain("version 8 took the place of version 4 at once");
    expect(kindsOf([...answers, await service.predict()])).toEqual(["200 4", "200 8"]);
    expect(await newest(1)).toEqual(["promote version 8"]);
    await eventually("one worker", async () => (workers() === 1 ? true : undefined));
  });
});
