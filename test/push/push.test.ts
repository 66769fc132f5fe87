import { spawn, type ChildProcess } from "node:child_process";
import { resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { PushReport } from "../../src/push/driver/report.ts";
import {
  git,
  newFolder,
  processesOf,
  removeFolder,
  run,
  startPlatform,
  type TestPlatform,
} from "../e2e/platform.ts";
import { ADDER, modelProject, workTree } from "../e2e/projects.ts";
import { call, fill, newRun, upload } from "../import/fill.ts";
import { startGate, type Gate } from "../import/gate.ts";
import { testPython } from "../support/python-environment.ts";
import { freshPostgres } from "../support/shared-postgres.ts";

const TENANT = "team-red";
const summand = (name: string) => ({ name, shape: [1, 2], datatype: "FP32", data: [1, 2] });
const SUMMANDS = JSON.stringify({ inputs: [summand("a"), summand("b")] });

/** A laptop, and a platform with PostgreSQL, a login and a tenant, which is reached through a gate. */
const here = newFolder("push-here");
const there = newFolder("push-there");
let laptop: TestPlatform;
let platform: TestPlatform;
/** Of the platform's first start: it is shown once. */
let token: string;
let gate: Gate;
let work: string;
/** Id of the experiment that comes along. */
let churn: string;
let store: string;

beforeAll(async () => {
  store = await freshPostgres();
  [laptop, platform] = await Promise.all([startPlatform(here), startThere(0)]);
  token = (platform as { token?: string }).token ?? "";
  gate = await startGate(platform.url);
  await asRoot("POST", "/tenants", { name: TENANT });
  work = await workTree(modelProject("adder", ADDER, "rollout: { kind: instant }\n"));
  const pushed = await git(work, "push", `${laptop.gitUrl}/adder.git`, "HEAD:main", "HEAD:refs/tags/v1");
  expect(pushed.output).toContain("first champion");
  churn = (await fill(laptop.url, 2)).experiments.active;
});

afterAll(async () => {
  await gate?.close();
  await Promise.all([laptop?.stop(), platform?.stop()]);
  for (const folder of [here, there]) for (const { pid } of processesOf(folder)) process.kill(pid, "SIGKILL");
  for (const folder of [here, there, work]) removeFolder(folder);
});

function startThere(port: number): Promise<TestPlatform> {
  return startPlatform(there, port, {}, ["--auth", "required", "--store", store]);
}

async function asRoot<Answer>(method: string, path: string, body?: object, tenant?: string): Promise<Answer> {
  const answer = await fetch(`${platform.url}/api/slipway/v1${path}`, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(tenant === undefined ? {} : { "x-mlflow-workspace": tenant }),
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(20_000),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
  return (text === "" ? undefined : JSON.parse(text)) as Answer;
}

interface Pushing {
  process: ChildProcess;
  ended: Promise<{ code: number | null; report: PushReport; error: Failure; err: string }>;
}

interface Failure {
  code: string;
  message: string;
  details?: { conflicts: { kind: string; id: string }[] };
}

/** The real command, in a process of its own. */
function pushing(args: readonly string[] = [], env: Record<string, string> = {}): Pushing {
  const words = ["push", gate.url, "adder", "--url", laptop.url, "--experiment", "churn", "--json"];
  const child = spawn(process.execPath, [resolve("bin/slipway"), ...words, ...args], {
    env: {
      PATH: process.env["PATH"],
      HOME: here,
      SLIPWAY_TARGET_TOKEN: token,
      ...env,
    },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 200_000,
  });
  let [out, err] = ["", ""];
  child.stdout.on("data", (chunk) => (out += String(chunk)));
  child.stderr.on("data", (chunk) => (err += String(chunk)));
  const ended = new Promise<number | null>((settle) => child.once("close", settle)).then((code) => {
    const said = out.startsWith("{") ? (JSON.parse(out) as PushReport & { error?: Failure }) : undefined;
    return { code, report: said as PushReport, error: said?.error as Failure, err };
  });
  return { process: child, ended };
}

interface PipelineRun {
  id: string;
  commit: string;
  trackingRunId: string;
  rolloutId?: string;
  broughtFrom?: string;
}

async function local<Answer>(path: string): Promise<Answer> {
  return (await (await fetch(`${laptop.url}/api/slipway/v1${path}`)).json()) as Answer;
}

async function infer(url: string, bearer?: string): Promise<unknown> {
  const answer = await fetch(`${url}/v2/models/adder/infer`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
    },
    body: SUMMANDS,
  });
  expect(answer.status).toBe(200);
  const { id: _, ...body } = (await answer.json()) as { id?: string };
  return body;
}

/** What MLflow's own client says of both. */
async function dumps(): Promise<[unknown, unknown]> {
  const what = { experiments: ["adder", "churn"], models: ["adder", "churn model"] };
  const servers = [
    { url: laptop.url, ...what },
    { url: platform.url, token, tenant: TENANT, ...what },
  ];
  const script = resolve("test/python/mlflow_dump.py");
  const { code, output } = await run(testPython(), [script, JSON.stringify(servers)]);
  expect(code, output).toBe(0);
  return JSON.parse(output.slice(output.indexOf("[{"))) as [unknown, unknown];
}

describe("slipway push", () => {
  test("looks, counts and writes nothing", async () => {
    const { code, report, error, err } = await pushing(["--tenant", TENANT, "--dry-run"]).ended;
    expect(`${code} ${err} ${JSON.stringify(error ?? report?.problems)}`).toMatch(/^0/);
    expect(report).toMatchObject({
      isDryRun: true,
      service: { state: "planned" },
      pipelineRuns: { found: 1, brought: 1 },
    });
    expect(report.refs.map(({ ref, from }) => [ref, from])).toEqual([
      ["refs/heads/main", null],
      ["refs/tags/v1", null],
    ]);
    expect(await asRoot("GET", "/imports", undefined, TENANT)).toMatchObject({ imports: [] });
    expect(await asRoot("GET", "/projects", undefined, TENANT)).toEqual({ projects: [] });
  });

  test("killed in a file, with the target in the commits: repeated, it is complete, and MLflow's client sees the same", async () => {
    const inFile = gate.hold(/weights\.bin/);
    const first = pushing(["--tenant", TENANT, "--jobs", "2"]);
    await inFile;
    first.process.kill("SIGKILL");
    expect((await first.ended).code).toBeNull();
    gate.open();

    const inGit = gate.hold(/git-receive-pack$/);
    const second = pushing(["--tenant", TENANT]);
    await inGit;
    for (const { pid } of processesOf(there)) process.kill(pid, "SIGKILL");
    await platform.ended;
    gate.open();
    platform = await startThere(Number(new URL(platform.url).port));
    const { code, report, error, err } = await second.ended;
    expect(`${code} ${err} ${JSON.stringify(error ?? report?.problems)}`).toMatch(/^0/);
    expect(report).toMatchObject({ isComplete: true, problems: [] });
    expect(report.service).toMatchObject({ model: "adder", version: 1, state: "promoted" });

    const [before, after] = await dumps();
    expect(after).toEqual(before);
    expect(await infer(platform.url, token)).toEqual(await infer(laptop.url));
  });

  test("history, why and runs of the target say where the version comes from, and nothing was trained again", async () => {
    const { pipelineRuns: made } = await local<{ pipelineRuns: PipelineRun[] }>("/pipeline-runs");
    const { pipelineRuns } = await asRoot<{ pipelineRuns: PipelineRun[] }>(
      "GET",
      "/pipeline-runs",
      undefined,
      TENANT,
    );
    expect(pipelineRuns).toHaveLength(1);
    const [{ broughtFrom, rolloutId, ...run } = {} as PipelineRun] = pipelineRuns;
    expect(broughtFrom).toMatch(/^slipway:[0-9a-f]{32}\/default$/);
    expect(run).toEqual({ ...made[0], rolloutId: undefined });
    expect(rolloutId).toMatch(/^ro-/);
    const project = await asRoot<object>("GET", "/projects/adder", undefined, TENANT);
    expect(project).toMatchObject({ lastPush: { commit: run.commit }, lastPipelineRun: { id: run.id } });
    const { entries } = await asRoot<{ entries: object[] }>(
      "GET",
      "/models/adder/history",
      undefined,
      TENANT,
    );
    expect(entries[0]).toMatchObject({
      version: 1,
      commit: run.commit,
      pipelineRunId: run.id,
      run: { id: run.trackingRunId },
    });
    const why = await asRoot<{ chain: { kind: string; message: string }[]; rootCause: string }>(
      "GET",
      `/why/service/adder`,
      undefined,
      TENANT,
    );
    expect(why.rootCause).toContain("nothing is wrong");
    expect(why.chain.find(({ kind }) => kind === "run")?.message).toContain("it ran on another platform");
  });

  test("a second time sends nothing and asks for nothing", async () => {
    const { code, report } = await pushing(["--tenant", TENANT]).ended;
    expect(code).toBe(0);
    // Two runs haven't ended, one of them deleted: they are sent every time.
    for (const [what, { brought }] of Object.entries(report.counts))
      expect(`${what} ${brought}`).toBe(`${what} ${{ runs: 2, points: 1 }[what] ?? 0}`);
    expect(report).toMatchObject({
      refs: [],
      bytes: 0,
      pipelineRuns: { found: 1, brought: 0, unchanged: 1 },
    });
    expect(report.service).toMatchObject({ state: "serving", rolloutId: null });
  });

  test("a better version goes the same way, over a source that is killed meanwhile; bytes that are there aren't sent", async () => {
    const again = await newRun(laptop.url, churn, "same weights", 1_700_000_700_000);
    await upload(laptop.url, `${churn}/${again}/artifacts/weights.bin`, new Uint8Array(3_000_000).fill(7));
    await upload(laptop.url, `${churn}/${again}/artifacts/note.txt`, "short");
    await call(laptop.url, "POST", "2.0/mlflow/runs/update", {
      run_id: again,
      status: "FINISHED",
      end_time: 1_700_000_800_000,
    });
    await git(work, "commit", "--quiet", "--allow-empty", "-m", "second");
    const pushed = await git(work, "push", `${laptop.gitUrl}/adder.git`, "HEAD:main");
    expect(pushed.output).toContain("version 2");

    const inFile = gate.hold(/note\.txt/);
    const push = pushing(["--tenant", TENANT, "--jobs", "1"]);
    await inFile;
    for (const { pid } of processesOf(here)) if (pid !== push.process.pid) process.kill(pid, "SIGKILL");
    await laptop.ended;
    gate.open();
    laptop = await startPlatform(here, Number(new URL(laptop.url).port));
    const { code, report, error, err } = await push.ended;
    expect(`${code} ${err} ${JSON.stringify(error ?? report?.problems)}`).toMatch(/^0/);
    expect(report).toMatchObject({
      isComplete: true,
      bytesThere: 3_000_000,
      pipelineRuns: { found: 2, brought: 1 },
    });
    expect(report.service).toMatchObject({ version: 2, state: "promoted" });
    const { pipelineRuns } = await asRoot<{ pipelineRuns: object[] }>(
      "GET",
      "/pipeline-runs",
      undefined,
      TENANT,
    );
    expect(pipelineRuns).toHaveLength(2);
  });

  test("back again it takes what is new there, and what is here already isn't in the way", async () => {
    await git(work, "commit", "--quiet", "--allow-empty", "-m", "third");
    const address = `http://x:${token}@${new URL(platform.url).host}/git/adder.git`;
    expect((await git(work, "push", address, "HEAD:main")).output).toContain("version 3");
    const back = startGate(laptop.url);
    const to = (await back).url;
    const args = ["push", to, "adder", "--url", platform.url, "--source-tenant", TENANT, "--json"];
    const env = { HOME: here, SLIPWAY_TOKEN: token, SLIPWAY_TARGET_TOKEN: "" };
    const { code, output } = await run(process.execPath, [resolve("bin/slipway"), ...args], { env });
    await (await back).close();
    expect(`${code} ${output}`).toMatch(/^0/);
    const report = JSON.parse(output.slice(output.indexOf("{\n"))) as PushReport;
    expect(report).toMatchObject({
      source: { tenant: TENANT },
      target: { tenant: "default" },
      pipelineRuns: { found: 3, brought: 1, unchanged: 2 },
      service: { version: 3, state: "promoted" },
      counts: { files: { found: 2, brought: 2 } },
      isComplete: true,
    });
  });

  test("what another tenant has is in the way, and nothing is written", async () => {
    await asRoot("POST", "/tenants", { name: "team-blue" });
    const { code, error } = await pushing(["--tenant", "team-blue"]).ended;
    expect(code).toBe(4);
    expect(error.code).toBe("PUSH_CONFLICT");
    const kinds = new Set(error.details?.conflicts.map(({ kind }) => kind));
    expect([...kinds].toSorted()).toEqual([
      "logged-model",
      "pipeline-run",
      "project",
      "run",
      "service",
      "trace",
    ]);
    expect(await asRoot("GET", "/imports", undefined, "team-blue")).toMatchObject({ imports: [] });
  });

  test("a run with other content, a taken number and a branch that went on there are named together", async () => {
    const clash = await newRun(laptop.url, churn, "clash", 1_700_000_900_000);
    const same = await newRun(laptop.url, churn, "same", 1_700_000_900_001);
    const waiting = await newRun(laptop.url, churn, "waiting", 1_700_000_900_002);
    const made = await call<{ model_version: { version: string } }>(
      laptop.url,
      "POST",
      "2.0/mlflow/model-versions/create",
      { name: "churn model", source: `runs:/${clash}/model`, run_id: clash },
    );
    await git(work, "commit", "--quiet", "--allow-empty", "-m", "here");
    await git(work, "push", `${laptop.gitUrl}/adder.git`, "HEAD:refs/heads/side");
    await git(work, "commit", "--quiet", "--amend", "--allow-empty", "-m", "there");
    const address = `http://x:${token}@${new URL(platform.url).host}/git/adder.git`;
    expect((await git(work, "push", address, "HEAD:refs/heads/side")).output).toContain("only main runs");

    const { id } = await asRoot<{ id: string }>("POST", "/imports", { source: "http://old" }, TENANT);
    const bring = (path: string, body: object) =>
      asRoot<{ experimentId: string }>("POST", `/imports/${id}/${path}`, body, TENANT);
    const { experimentId } = await bring("experiments", {
      id: churn,
      name: "churn",
      stage: "active",
      createdAt: 1,
      updatedAt: 1,
      tags: [],
    });
    const common = {
      experimentId,
      user: "ana",
      status: "RUNNING",
      endedAt: null,
      stage: "active",
      params: [],
      datasets: [],
      modelInputs: [],
      modelOutputs: [],
    };
    const tags = (name: string) => [
      { key: "mlflow.user", value: "ana" },
      { key: "mlflow.runName", value: name },
    ];
    await bring("runs", {
      runs: [
        { ...common, id: clash, name: "clash", startedAt: 1, tags: tags("clash") },
        { ...common, id: same, name: "same", startedAt: 1_700_000_900_001, tags: tags("same") },
      ],
    });
    const version = {
      version: Number(made.model_version.version),
      description: "",
      user: "",
      stage: "None",
      source: `runs:/${same}/model`,
      files: null,
      runId: same,
      runLink: "",
      modelId: "",
      status: "READY",
      createdAt: 1,
      updatedAt: 1,
      tags: [],
    };
    await bring("registered-models", {
      name: "churn model",
      description: "",
      createdAt: 1,
      updatedAt: 1,
      tags: [],
      aliases: [],
      versions: [version],
    });

    const { code, error } = await pushing(["--tenant", TENANT]).ended;
    expect(code).toBe(4);
    expect(error.details?.conflicts.map(({ kind, id: of }) => `${kind} ${of}`).toSorted()).toEqual([
      "git refs/heads/side",
      `run ${clash}`,
      `version churn model/${version.version}`,
    ]);
    const found = await fetch(`${platform.url}/api/2.0/mlflow/runs/get?run_id=${waiting}`, {
      headers: { authorization: `Bearer ${token}`, "x-mlflow-workspace": TENANT },
    });
    expect(found.status).toBe(404);
  });

  test("without the right, with the wrong token or for an older platform it ends before it begins", async () => {
    await asRoot("POST", "/people", { name: "mia", password: "correct horse battery" });
    await asRoot("PUT", `/tenants/${TENANT}/members/mia`, { role: "member" });
    const tokenOf = async (body: object): Promise<string> =>
      (await asRoot<{ token: string }>("POST", "/tokens", { name: "push", ...body })).token;
    const refused = async (env: Record<string, string>): Promise<[number | null, string]> => {
      const { code, error } = await pushing(["--tenant", TENANT], env).ended;
      return [code, error.code];
    };
    expect(await refused({ SLIPWAY_TARGET_TOKEN: await tokenOf({ person: "mia" }) })).toEqual([
      4,
      "ACCESS_DENIED",
    ]);
    expect(
      await refused({
        SLIPWAY_TARGET_TOKEN: await tokenOf({ tenant: TENANT, role: "admin", scopes: ["admin"] }),
      }),
    ).toEqual([4, "SCOPE_MISSING"]);
    expect(await refused({ SLIPWAY_TARGET_TOKEN: "" })).toEqual([4, "TOKEN_REQUIRED"]);
    gate.answer = ({ url }) =>
      url === "/api/slipway/v1/info"
        ? { status: 200, body: '{"name":"slipway","version":"0.0.1"}' }
        : undefined;
    expect(await refused({})).toEqual([4, "PUSH_TARGET_OLDER"]);
    gate.answer = undefined;
  });
});
