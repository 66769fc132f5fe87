import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import type { FastifyInstance } from "fastify";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { StepDesk } from "../../src/pipelines/remote/desk.ts";
import { alive, project, Repository, step, until } from "../pipelines/support.ts";
import { startPod } from "../support/pod-process.ts";
import { openDesk, tokenOf } from "../targets/kubernetes/engine/engine-bed.ts";

/** A step's container as a real process, against the platform's real routes. */
let folder: string;
let app: FastifyInstance;
let desk: StepDesk;
let url: string;
const RUN = "pr-1";

beforeAll(async () => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), "slipway-step-")));
  const repository = new Repository(join(folder, "repository"));
  const opened = await openDesk(folder);
  ({ app, desk } = opened);
  url = `http://127.0.0.1:${opened.port}`;
  const steps = [
    step("first", 'cat data.txt > a.txt; echo beside > b.txt; echo "made by $OF"', { outputs: ["a.txt"] }),
    step("second", "cat a.txt b.txt", { needs: ["first"] }),
    step("long", `echo $$ > ${join(folder, "pid")}; exec sleep 60`),
  ];
  const commit = repository.commit({ "data.txt": "data\n" });
  await desk.attach(
    {
      id: RUN,
      project: project(steps),
      repository: repository.gitDir,
      commit,
      env: { OF: "me" },
      cache: true,
    },
    "default",
  );
});
afterAll(async () => {
  await app.close();
  rmSync(folder, { recursive: true, force: true });
});

const pod = (name: string, more: Record<string, string> = {}) =>
  startPod("step", {
    SLIPWAY_URL: url,
    SLIPWAY_TOKEN: tokenOf("default"),
    SLIPWAY_PIPELINE_RUN: RUN,
    SLIPWAY_STEP: name,
    SLIPWAY_STEP_FOLDER: join(folder, `pod-${name}`),
    ...more,
  });
const as = (token: string) => ({ authorization: `Bearer ${token}` });
const at = (path: string) => `/api/slipway/v1/pipeline-runs/${RUN}${path}`;

it("says which setting is missing or wrong, and ends with 2", async () => {
  const none = startPod("step", {});
  expect(await none.ended).toBe(2);
  expect(none.output()).toContain("SLIPWAY_URL isn't set");
  const wrong = pod("first", { SLIPWAY_STEP_TRY: "x" });
  expect(await wrong.ended).toBe(2);
  expect(wrong.output()).toContain("SLIPWAY_STEP_TRY can't be that");
});

it("does its work, and hands on all that it wrote", async () => {
  const first = pod("first");
  expect(await first.ended).toBe(0);
  expect(first.output()).toContain("made by me");
  expect(desk.reports(RUN).get("first")?.report).toMatchObject({
    state: "succeeded",
    isFinal: true,
    attempt: 1,
    opaque: "wrote b.txt, which it doesn't declare as outputs",
  });
  const second = pod("second");
  expect(await second.ended).toBe(0);
  expect(second.output()).toContain("data\nbeside\n");
  const [log] = await desk.files.logs("default", RUN, "second");
  let text = "";
  for await (const chunk of log!.body) text += String(chunk);
  expect(text).toContain("data\nbeside\n");
  // A pod that comes too late sees what became of the step.
  const late = pod("first", { SLIPWAY_STEP_TRY: "3" });
  expect(await late.ended).toBe(0);
});

it("ends with its processes when its pod is ended, which is no failure of its own", async () => {
  const long = pod("long");
  const pidFile = join(folder, "pid");
  await until("the command runs", () => existsSync(pidFile) && readFileSync(pidFile, "utf8").includes("\n"));
  long.child.kill("SIGTERM");
  expect(await long.ended).toBe(143);
  expect(alive(Number(readFileSync(pidFile, "utf8")))).toBe(false);
  expect(desk.reports(RUN).get("long")?.report).toMatchObject({ state: "running", isFinal: false });
  const assigned = await desk.assignment({ tenant: "default", run: RUN, step: "long", tryNumber: 1 });
  expect(assigned).toMatchObject({ attempt: 1, isLast: true, wasInterrupted: true });
});

it("is let in by its tenant's token alone", async () => {
  const refused = pod("second", { SLIPWAY_TOKEN: tokenOf("default").slice(0, -1) });
  expect(await refused.ended).toBe(3);
  expect(refused.output()).not.toContain(tokenOf("default").slice(0, -1));
  const path = at("/steps/second/tries/0");
  const codeOf = async (token: string): Promise<string> =>
    (await app.inject({ url: path, headers: as(token) })).json<{ error: { code: string } }>().error.code;
  expect(await codeOf("person")).toBe("ACCESS_DENIED");
  expect(await codeOf(tokenOf("red"))).toBe("NOT_FOUND");
});

it("can't leave what isn't what it says, or too much of it", async () => {
  const headers = { ...as(tokenOf("default")), "content-type": "application/octet-stream" };
  const sha256 = "0".repeat(64);
  const wrong = await app.inject({
    method: "PUT",
    url: at(`/files/${sha256}`),
    headers,
    payload: Readable.from(["x"]),
  });
  expect(wrong.json()).toMatchObject({ error: { code: "STEP_ARCHIVE_DAMAGED" } });
  expect(await desk.files.hasArchive("default", RUN, sha256)).toBe(false);
  const log = Readable.from([Buffer.alloc(17 * 2 ** 20)]);
  const large = await app.inject({
    method: "PUT",
    url: at("/steps/long/tries/1/log"),
    headers,
    payload: log,
  });
  expect(large.json()).toMatchObject({ error: { code: "TOO_LARGE" } });
  const report = { state: "succeeded", attempt: 1, isFinal: true, code: "NO_SUCH_CODE" };
  const url = at("/steps/long/tries/1");
  const odd = await app.inject({ method: "PUT", url, headers: as(tokenOf("default")), payload: report });
  expect(odd.statusCode).toBe(400);
});
