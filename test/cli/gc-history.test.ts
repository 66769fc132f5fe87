import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { nothing, type GcJob } from "../../src/gc/job.ts";
import { fakePlatform, json, type FakePlatform } from "./fake-platform.ts";
import { run } from "./run.ts";

const counted: GcJob = {
  id: "gc-1",
  tenant: "default",
  state: "counted",
  cutoff: 0,
  experiments: null,
  runs: null,
  found: { ...nothing(), runs: 2, loggedModels: 1, rows: 340, files: 12, bytes: 1_600_000 },
  deleted: nothing(),
  kept: { count: 1, examples: [{ kind: "run", id: "ab", why: "version m/1 of the registry came from it" }] },
  leftBehind: 0,
  reusableBytes: null,
  error: null,
  startedAt: 0,
  endedAt: 0,
};
const done: GcJob = { ...counted, state: "done", deleted: counted.found, reusableBytes: 4096 };
let platform: FakePlatform;
let empty: FakePlatform;

beforeAll(async () => {
  platform = await fakePlatform({
    "POST /gc/plan": json(202, { ...counted, state: "counting" }),
    "GET /gc/gc-1": json(200, counted),
    "POST /gc": json(202, done),
    "GET /models/m/history": json(200, {
      model: "m",
      entries: [
        {
          role: "challenger",
          version: 2,
          from: 0,
          to: 60_000,
          shares: [
            { at: 0, weight: 5, shadow: null },
            { at: 1, weight: 25, shadow: null },
          ],
          askedBy: "ana",
          project: "m",
          commit: "9f31d2aa77",
          pipelineRunId: "pr-1",
          run: {
            id: "3f2a",
            name: "train",
            user: "u",
            experimentId: "1",
            experimentName: "m",
            isDeleted: true,
          },
          source: null,
          modelId: null,
          datasets: [{ name: "raw.csv", digest: "d1", context: "training", source: "x" }],
          metrics: { accuracy: 0.94212 },
          rollout: { id: "ro-1", kind: "canary", state: "promoted", verdict: null, sentence: "it held" },
          began: { commit: "4be1c07a99", author: "Slipway", subject: "s" },
          ended: { commit: "5be1c07a99", author: "Slipway", subject: "Promote\u001b[2J" },
        },
      ],
      next: null,
    }),
  });
  empty = await fakePlatform({ "POST /gc/plan": json(202, { ...counted, found: nothing() }) });
});
afterAll(() => Promise.all([platform.close(), empty.close()]));

const posts = () => platform.calls.filter(({ method, path }) => method === "POST" && path === "/gc");

describe("slipway gc", () => {
  it("says how much, and deletes nothing where nobody says yes", async () => {
    const url = ["--url", platform.url];
    const counts = await run(["gc", "--dry-run", "--older-than", "30d", "--experiment", "a", "b", ...url]);
    expect(counts.out).toBe(
      "found 2 tracking runs, 1 logged model: 340 rows, 12 files, 1.5 MiB\n" +
        "kept 1 that something needs:\n  run/ab: version m/1 of the registry came from it\n",
    );
    expect(platform.calls.find(({ path }) => path === "/gc/plan")?.body).toEqual({
      olderThan: "30d",
      experiments: ["a", "b"],
    });
    expect((await run(["gc", ...url])).code).toBe(2);
    expect((await run(["gc", "--json", ...url], { isInteractive: true })).code).toBe(2);
    const no = await run(["gc", ...url], { isInteractive: true, stdin: "n\n" });
    expect(no.out).toContain("nothing was deleted");
    expect(no.code).toBe(4);
    expect(posts()).toEqual([]);
    expect((await run(["gc", "--older-than", "soon", ...url])).code).toBe(2);
  });

  it("deletes on a yes", async () => {
    const yes = await run(["gc", "--url", platform.url], { isInteractive: true, stdin: "y\n" });
    expect(yes.out).toContain("deleted 2 tracking runs, 1 logged model: 340 rows, 12 files, 1.5 MiB\n");
    expect(yes.out).toContain("4.0 KiB in it are free for new rows");
    expect(posts()).toMatchObject([{ body: { plan: "gc-1" } }]);
    const asJson = await run(["gc", "--yes", "--json", "--url", platform.url]);
    expect(JSON.parse(asJson.out)).toMatchObject({ state: "done" });
    const nothingThere = await run(["gc", "--url", empty.url]);
    expect(nothingThere).toMatchObject({ code: 0 });
    expect(nothingThere.out).toContain("found nothing");
  });
});

describe("slipway history", () => {
  it("tells a version's time, and where it came from", async () => {
    const shown = await run(["history", "m", "--at", "2h", "--url", platform.url]);
    expect(shown.out).toBe(
      [
        "1970-01-01T00:00:00Z – 1970-01-01T00:01:00Z  version 2 challenger (5 %, 25 %)",
        "  it held",
        "  asked by ana, environment commit 4be1c07a, rollout ro-1",
        "  project m, commit 9f31d2aa, pipeline run pr-1",
        "  tracking run 3f2a train in m (deleted since)",
        "  data raw.csv d1 (training)",
        "  accuracy 0.9421",
        "  ended by Slipway, 5be1c07a: Promote",
        "",
      ].join("\n"),
    );
    const { path } = platform.calls.find((call) => call.path.startsWith("/models/m/history")) ?? { path: "" };
    expect(path).toBe(`/models/m/history?at=${1_700_000_000_000 - 7_200_000}&limit=20`);
    expect((await run(["history", "x", "--url", platform.url])).code).toBe(5);
    expect((await run(["history", "m", "--at", "once", "--url", platform.url])).code).toBe(2);
  });
});
