import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Caller } from "./caller.ts";
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
import type { HistoryEntry } from "../../src/history/history.ts";

interface Service {
  champion: { version: number } | null;
  challenger: { version: number } | null;
  weight: number;
  commit: string;
  rollout: { id: string; state: string; reason: string | null } | null;
}

/** Rows of the digits that lie in the template's own file: 16 features and the label. */
function digits(folder: string): { features: number[]; label: number }[] {
  const [, ...lines] = readFileSync(join(folder, "data/digits.csv"), "utf8").trim().split("\n");
  return lines.map((line) => {
    const values = line.split(",").map(Number);
    return { features: values.slice(0, 16), label: values[16] ?? -1 };
  });
}

describe("from git push to production and back", () => {
  const data = newFolder("main-job");
  const outer = newFolder("main-job-work");
  const work = join(outer, "digits");
  let platform: TestPlatform;
  let caller: Caller;
  let rows: { features: number[]; label: number }[];

  beforeAll(async () => {
    platform = await startPlatform(data);
    caller = new Caller(platform.url);
    const made = await slipway(["init", work, "--template", "digits"]);
    expect(made.output).toContain("git push");
    expect(made.code).toBe(0);
    rows = digits(work);
  });
  afterAll(async () => {
    caller.close();
    await platform.stop();
    removeFolder(data);
    removeFolder(outer);
  });

  const service = (): Promise<Service> => api<Service>(platform, "/services/digits");
  const push = async (message: string): Promise<string> => {
    await git(work, "add", "-A");
    await git(work, "commit", "-m", message);
    const pushed = await git(work, "push", `${platform.gitUrl}/digits.git`, "HEAD:main");
    return pushed.output;
  };
  const edit = (file: string, from: string, to: string): void => {
    const path = join(work, file);
    const text = readFileSync(path, "utf8");
    expect(text).toContain(from);
    writeFileSync(path, text.replace(from, to));
  };
  /** One prediction; answers status, variant, request id and whether it was right. */
  async function predict(
    i: number,
  ): Promise<{ status: number; variant: string; id: string; label: number; right: boolean }> {
    const row = rows[i % rows.length];
    if (!row) throw new Error("no row");
    const answer = await caller.post("/v2/models/digits/infer", {
      body: JSON.stringify({
        inputs: [{ name: "features", shape: [1, 16], datatype: "FP32", data: row.features }],
      }),
    });
    const body = JSON.parse(answer.text) as { outputs?: { name: string; data: number[] }[] };
    const label = body.outputs?.find((output) => output.name === "label")?.data[0];
    return {
      status: answer.status,
      variant: answer.header("x-slipway-variant") ?? "",
      id: answer.header("x-slipway-request-id") ?? "",
      label: row.label,
      right: label === row.label,
    };
  }
  /** Predictions with their true labels right behind, until the rollout has ended or the bound is reached. */
  async function trafficUntil(
    ended: (now: Service) => boolean,
    bound: number,
  ): Promise<{ failed: number; now: Service }> {
    let failed = 0;
    for (let sent = 0; sent < bound; sent += 50) {
      const answers = await Promise.all(Array.from({ length: 50 }, (_, i) => predict(sent + i)));
      failed += answers.filter((answer) => answer.status !== 200).length;
      const labels = answers
        .filter((answer) => answer.status === 200)
        .map(({ id, label }) => ({ id, label }));
      await fetch(`${platform.url}/api/slipway/v1/services/digits/labels`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ labels }),
      });
      const now = await service();
      if (ended(now)) return { failed, now };
    }
    return { failed, now: await service() };
  }

  test("a push of a bad spec is refused in the push, with line, column and the nearest key", async () => {
    edit("slipway.yaml", "serving:", "servign:");
    const output = await push("typo");
    expect(output).toMatch(/slipway\.yaml:\d+:1/);
    expect(output).toContain("serving");
    expect(output).toContain("pre-receive hook declined");
    edit("slipway.yaml", "servign:", "serving:");
    await git(work, "reset", "--soft", "HEAD~1");
  });

  test("the first good push becomes champion and answers", async () => {
    const output = await push("first");
    expect(output).toMatch(/remote: .*train/);
    expect(output).toMatch(/accuracy/);
    const now = await eventually("a champion", async () => {
      const found = await service();
      return found.champion ? found : undefined;
    });
    expect(now.champion?.version).toBe(1);
    const answer = await predict(0);
    expect(answer).toMatchObject({ status: 200, variant: "1" });
  });

  test("a better version is promoted by evidence under load, and no request fails", async () => {
    edit("slipway.yaml", "hidden: 0 ", "hidden: 64 ");
    await push("better");
    const { failed, now } = await trafficUntil((found) => found.champion?.version === 2, 60_000);
    expect(now.champion?.version).toBe(2);
    expect(failed).toBe(0);
    const clone = newFolder("environment");
    await git(clone, "clone", "--quiet", `${platform.gitUrl}/environment.git`, ".");
    const log = await git(clone, "log", "-1", "--format=%B");
    expect(log.output).toContain("Slipway-Rollout:");
    // A person reverts the promotion by Git alone.
    await git(clone, "revert", "--no-edit", "HEAD");
    const pushed = await git(clone, "push", "origin", "main");
    expect(pushed.code).toBe(0);
    const back = await eventually("version 1 alone", async () => {
      const found = await service();
      return found.champion?.version === 1 && found.challenger === null ? found : undefined;
    });
    expect(back).toMatchObject({ weight: 0, rollout: { state: "rolledback" } });
    // What the push said is followed by a commit of ours without the version that was reverted.
    await git(clone, "pull", "--quiet", "origin", "main");
    const followed = await git(clone, "log", "-1", "--format=%B");
    expect(followed.output).toContain("the promotion of version 2 was reverted by tester");
    expect(readFileSync(join(clone, "services/digits.yaml"), "utf8")).not.toContain("challenger:");
    removeFolder(clone);
    const answers = await Promise.all(Array.from({ length: 50 }, (_, i) => predict(i)));
    expect(new Set(answers.map(({ status, variant }) => `${status} ${variant}`))).toEqual(new Set(["200 1"]));
  });

  test("status and why speak of it", async () => {
    const status = await slipway(["status", "digits", "--url", platform.url]);
    expect(status.output).toContain("digits");
    const why = await slipway(["why", "service/digits", "--url", platform.url]);
    expect(why.code).toBe(0);
    expect(why.output).toContain("digits");
  });

  test("history tells who served what, from which commit and tracking run", async () => {
    const told = await slipway(["history", "digits", "--json", "--url", platform.url]);
    const { entries } = JSON.parse(told.output) as { entries: HistoryEntry[] };
    const champions = entries.filter(({ role }) => role === "champion");
    expect(champions.map(({ version }) => version)).toEqual([1, 2, 1]);
    expect(champions[0]).toMatchObject({ to: null, askedBy: "tester", rollout: null });
    expect(champions[1]).toMatchObject({
      project: "digits",
      commit: expect.stringMatching(/^[0-9a-f]{40}$/) as string,
      pipelineRunId: expect.stringMatching(/^pr-/) as string,
      rollout: { state: "promoted", sentence: expect.stringContaining("version 2") as string },
      run: { id: expect.stringMatching(/^[0-9a-f]{32}$/) as string, isDeleted: false },
      metrics: { accuracy: expect.any(Number) as number },
      ended: { author: "tester" },
    });
    expect(entries.find(({ role }) => role === "challenger")?.shares.length).toBeGreaterThan(0);
  });
});
