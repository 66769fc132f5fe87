import { spawn, type ChildProcess } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Report } from "../../src/import/driver/tally.ts";
import {
  api,
  newFolder,
  processesOf,
  removeFolder,
  startPlatform,
  type TestPlatform,
} from "../e2e/platform.ts";
import { startMlflowServer, type MlflowServer } from "../support/mlflow-server.ts";
import { call, fill, newRun, type Filled } from "./fill.ts";
import { startGate, type Gate } from "./gate.ts";
import { pictureOf } from "./picture.ts";

const RUNS = 2;
const data = newFolder("import");
let server: MlflowServer;
let gate: Gate;
let platform: TestPlatform;
let filled: Filled;

beforeAll(async () => {
  const [started, up] = await Promise.all([startMlflowServer(), startPlatform(data)]);
  platform = up;
  if (typeof started === "string") throw new Error(started);
  server = started;
  gate = await startGate(server.url);
  filled = await fill(server.url, RUNS);
});

afterAll(async () => {
  await gate?.close();
  await Promise.all([server?.close(), platform?.stop()]);
  for (const { pid } of processesOf(data)) process.kill(pid, "SIGKILL");
  removeFolder(data);
});

interface Import {
  process: ChildProcess;
  ended: Promise<{ code: number | null; report: Report; out: string; err: string }>;
}

/** The real command, in a process of its own. */
function importing(args: readonly string[] = [], env: Record<string, string> = {}): Import {
  const line = ["import", "mlflow", gate.url, "--url", platform.url, ...args];
  const child = spawn(process.execPath, [resolve("bin/slipway"), ...line], {
    env: { PATH: process.env["PATH"], HOME: process.env["HOME"], ...env },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 200_000,
  });
  let [out, err] = ["", ""];
  child.stdout.on("data", (chunk) => (out += String(chunk)));
  child.stderr.on("data", (chunk) => (err += String(chunk)));
  const ended = new Promise<number | null>((settle) => child.once("close", settle)).then((code) => ({
    code,
    report: (out.startsWith("{") ? JSON.parse(out) : {}) as Report,
    out,
    err,
  }));
  return { process: child, ended };
}

function expectSame(): Promise<void> {
  const ids = Object.values(filled.experiments);
  return Promise.all([pictureOf(platform.url, ids), pictureOf(server.url, ids)]).then(([here, there]) =>
    expect(here).toEqual(there),
  );
}

describe("slipway import mlflow", () => {
  test("says how much there is, and writes nothing", async () => {
    const { code, report } = await importing(["--dry-run", "--json"]).ended;
    expect(code).toBe(0);
    expect(report.counts.runs).toEqual({ found: 4 + RUNS, brought: 4 + RUNS, unchanged: 0, failed: 0 });
    expect(report.counts.files.found).toBe(5 + RUNS);
    expect(report.bytes).toBeGreaterThan(3_000_000);
    expect(await api(platform, "/imports")).toEqual({ tenant: "default", imports: [] });
  });

  test("goes on where its process, and then the platform, were killed; everything is equal then", async () => {
    const inFile = gate.hold(/weights\.bin/);
    const first = importing(["--jobs", "2"]);
    await inFile;
    first.process.kill("SIGKILL");
    expect((await first.ended).code).toBeNull();
    gate.open();

    const inRun = gate.hold(new RegExp(`${filled.runs.many[RUNS - 1]}.*file\\.txt`));
    const second = importing(["--json"]);
    await inRun;
    for (const { pid } of processesOf(data)) process.kill(pid, "SIGKILL");
    await platform.ended;
    gate.open();
    platform = await startPlatform(data, Number(new URL(platform.url).port));

    const { code, report, err } = await second.ended;
    expect(`${code} ${err}`).toMatch(/^0/);
    expect(report.problems).toEqual([]);
    expect(report.checked).toMatchObject({ items: 4 + 4 + RUNS + 1 + 2 + 1, missing: [] });
    expect(report.checked?.files).toBe(5 + RUNS);
    await expectSame();
  });

  test("brings what is new, and passes over what is there", async () => {
    const { active } = filled.experiments;
    const added = await newRun(server.url, active, "later", 1_700_000_900_000);
    const post = (path: string, fields: object): Promise<object> =>
      call(server.url, "POST", `2.0/mlflow/${path}`, fields);
    await post("runs/log-metric", {
      run_id: filled.runs.running,
      key: "loss",
      value: 0.5,
      timestamp: 2,
      step: 1,
    });
    await post("runs/update", {
      run_id: filled.runs.running,
      status: "FINISHED",
      end_time: 1_700_000_900_001,
    });
    await post("runs/restore", { run_id: filled.runs.deleted });
    await post("registered-models/alias", { name: "churn model", alias: "best", version: "4" });
    const { code, report } = await importing(["--json"]).ended;
    expect(code).toBe(0);
    expect(report.counts.runs).toMatchObject({ found: 5 + RUNS, unchanged: 5 + RUNS - 3 });
    expect(report.counts.files).toMatchObject({ brought: 0, unchanged: 4 + RUNS });
    expect(report.counts.traces).toMatchObject({ unchanged: 1 });
    expect(added).not.toBe("");
    await expectSame();
  });

  test("gives an experiment whose id isn't free another one, and says so", async () => {
    await fetch(`${platform.url}/api/slipway/v1/tenants`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ name: "team-a" }),
    });
    const { code, out } = await importing(["--tenant", "team-a", "--experiment", "empty"]).ended;
    expect(code).toBe(0);
    expect(out).toMatch(/experiment \d+ \(empty\) has the id \d+ here/);
    // Ids of runs are one series for all tenants: another tenant's run is neither shown nor changed.
    const other = await importing(["--tenant", "team-a", "--experiment", "churn", "--json"]).ended;
    expect(other.code).toBe(1);
    expect(other.report.counts.runs).toMatchObject({ brought: 0, failed: 4 + RUNS });
    expect(other.report.problems[0]?.why).toContain("can't be used here");
  });

  test("reads files through the server that keeps them in a store of its own", async () => {
    const folder = newFolder("elsewhere");
    const { experiment_id: id } = await call<{ experiment_id: string }>(
      server.url,
      "POST",
      "2.0/mlflow/experiments/create",
      { name: "elsewhere", artifact_location: folder },
    );
    const runId = await newRun(server.url, id, "local", 1_700_000_000_000);
    mkdirSync(join(folder, runId, "artifacts", "model"), { recursive: true });
    writeFileSync(join(folder, runId, "artifacts", "model", "weights.bin"), "weights");
    await call(server.url, "POST", "2.0/mlflow/registered-models/create", { name: "local" });
    const source = join(folder, runId, "artifacts", "model");
    const version = { name: "local", source, run_id: runId };
    await call(server.url, "POST", "2.0/mlflow/model-versions/create", version);

    const { report } = await importing(["--experiment", "elsewhere", "--json"]).ended;
    removeFolder(folder);
    expect(report).toMatchObject({
      problems: [],
      counts: { files: { brought: 1 }, versions: { brought: 1 } },
    });
    const { artifact_uri: uri } = await call<{ artifact_uri: string }>(
      platform.url,
      "GET",
      "2.0/mlflow/model-versions/get-download-uri",
      { name: "local", version: "1" },
    );
    const path = `${uri.replace("mlflow-artifacts:/", "")}/weights.bin`;
    const file = await fetch(`${platform.url}/api/2.0/mlflow-artifacts/artifacts/${path}`);
    expect(await file.text()).toBe("weights");
  });

  test("says that the server wants a login, and signs in with MLflow's own variables", async () => {
    gate.answer = ({ headers }) =>
      headers.authorization === "Bearer secret" ? undefined : { status: 401, body: "who?" };
    const refused = await importing(["--json"]).ended;
    expect([refused.code, JSON.parse(refused.out)]).toMatchObject([
      4,
      { error: { code: "IMPORT_SOURCE_LOGIN" } },
    ]);
    const { code } = await importing(["--dry-run"], { MLFLOW_TRACKING_TOKEN: "secret" }).ended;
    expect(code).toBe(0);
    gate.answer = undefined;
  });

  test("brings what an older server has, and says what it hasn't", async () => {
    const newer = /logged-models|\/api\/3\.0\//;
    gate.answer = ({ url }) =>
      newer.test(url ?? "")
        ? { status: 404, body: JSON.stringify({ error_code: "ENDPOINT_NOT_FOUND", message: "no" }) }
        : undefined;
    const { code, report } = await importing(["--json"]).ended;
    expect(code).toBe(0);
    expect(report.skipped.join()).toMatch(/logged models.*traces/);
    gate.answer = undefined;
  });

  test("says that nothing answers, or that it isn't MLflow", async () => {
    gate.answer = () => ({ status: 200, body: "<html>" });
    const page = await importing(["--json"]).ended;
    expect([page.code, JSON.parse(page.out)]).toMatchObject([
      3,
      { error: { code: "IMPORT_SOURCE_UNEXPECTED" } },
    ]);
    gate.answer = () => ({ status: 503, body: "" });
    const none = await importing(["--json"]).ended;
    expect([none.code, JSON.parse(none.out)]).toMatchObject([
      3,
      { error: { code: "IMPORT_SOURCE_UNREACHABLE" } },
    ]);
    gate.answer = undefined;
  });
});
