import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { RolloutEvidence } from "../../src/rollout/evidence.ts";
import { SUMMANDS } from "./adder.ts";
import {
  api,
  eventually,
  git,
  newFolder,
  removeFolder,
  slipway,
  startPlatform,
  type TestPlatform,
} from "./platform.ts";
import { ADDER, modelProject, workTree } from "./projects.ts";

const ROLLOUT = `serving: { scale: { min: 1 } }
rollout:
  shadow: { share: 100, for: 1s }
  steps: [50]
  metrics:
    - { name: errors, worseBy: 1pp }
    - { name: cost, from: labels, worseBy: 20pp }
`;

describe("evidence of a real rollout", () => {
  const data = newFolder("evidence");
  let platform: TestPlatform;
  let work: string;

  beforeAll(async () => {
    platform = await startPlatform(data);
    work = await workTree(modelProject("adder", ADDER, ROLLOUT));
    const pushed = await git(work, "push", `${platform.gitUrl}/adder.git`, "HEAD:main");
    expect(pushed.output).toContain("first champion");
  });
  afterAll(async () => {
    await platform.stop();
    removeFolder(data);
    removeFolder(work);
  });

  const evidence = (): Promise<RolloutEvidence> => api<RolloutEvidence>(platform, "/services/adder/evidence");
  const called: string[] = [];
  async function call(): Promise<void> {
    const answer = await fetch(`${platform.url}/v2/models/adder/infer`, { method: "POST", body: SUMMANDS });
    await answer.arrayBuffer();
    called.push(answer.headers.get("x-slipway-request-id") ?? "");
  }
  /** Calls, and losses of what was called, as in production: to the end of the rollout. */
  async function traffic(until: () => boolean): Promise<void> {
    while (!until()) {
      await Promise.all(Array.from({ length: 10 }, call));
      const labels = called.splice(0).map((id) => ({ id, loss: 0.125, at: Date.now() }));
      const answer = await fetch(`${platform.url}/api/slipway/v1/services/adder/labels`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ labels }),
      });
      expect(await answer.json()).toMatchObject({ conflicting: 0, mismatch: 0 });
    }
  }

  test("grows before one's eyes, from copies to the promotion, and stays", async () => {
    writeFileSync(join(work, "README.md"), "again\n");
    await git(work, "add", "-A");
    await git(work, "commit", "-m", "again");
    const pushed = git(work, "push", `${platform.gitUrl}/adder.git`, "HEAD:main");
    await eventually("copies", async () => ((await evidence()).rollout.isShadow ? true : undefined));
    let isOver = false;
    const watching = slipway([
      "rollout",
      "show",
      "adder",
      "--watch",
      "--json",
      "--url",
      platform.url,
    ]).finally(() => (isOver = true));
    await traffic(() => isOver);
    const watched = await watching;
    await pushed;
    expect(watched.code).toBe(0);
    const seen = watched.output
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as RolloutEvidence);
    expect(seen[0]?.rollout).toMatchObject({ version: 2, champion: 1, isShadow: true });
    expect(seen.some(({ rollout }) => !rollout.isShadow && rollout.share === 50)).toBe(true);
    expect(seen.some(({ change }) => change.join().includes("take it out"))).toBe(true);
    const last = await evidence();
    expect(last).toMatchObject({
      verdict: "within-margin",
      rollout: { state: "promoted", share: 100 },
      badAnswers: 0,
      shadow: { differed: 0 },
    });
    expect(last.shadow?.compared).toBeGreaterThan(0);
    const cost = last.metrics.find(({ metric }) => metric === "cost");
    expect(cost?.challengerRate?.rate).toBeCloseTo(0.125, 9);
    expect(cost?.challenger.units).toBeGreaterThan(10);
    // Of a trial's first seconds no latency is known: they are its warm-up.
    const { latency, rollout } = last;
    if (rollout.endedAt! - rollout.createdAt > 10_000) expect(latency.challenger?.p95).toBeGreaterThan(0);
    expect(last.history.length).toBeGreaterThan(1);
    const shown = await slipway(["rollout", "show", "adder", "--url", platform.url]);
    expect(shown.output).toMatch(/^adder: version 2 against version 1: promoted/);
    expect(shown.output).toMatch(/copies: \d+ compared, 0 answered otherwise/);
    expect(shown.output).toContain("adder: promote version 2");
  });
});
