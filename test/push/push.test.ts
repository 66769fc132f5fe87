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
import { fill } from "../import/fill.ts";
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
let store: string;

beforeAll(async () => {
  store = await freshPostgres();
  [laptop, platform] = await Promise.all([startPlatform(here), startThere(0)]);
  token = (platform as { token?: string }).token ?? "";
  gate = await startGate(platform.url);
  await asRoot("POST", "/tenants", { name: TENANT });
  work = await workTree(modelProject("adder", ADDER));
  const pushed = await git(work, "push", `${laptop.gitUrl}/adder.git`, "HEAD:main", "HEAD:refs/tags/v1");
  expect(pushed.output).toContain("first champion");
  await fill(laptop.url, 2);
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
    const { code, report, err } = await pushing(["--tenant", TENANT, "--dry-run"]).ended;
    expect(`${code} ${err}`).toMatch(/^0/);
    expect(report).toMatchObject({ isDryRun: true, service: null, pipelineRuns: { found: 1, brought: 1 } });
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
    const { code, report, err } = await second.ended;
    expect(`${code} ${err}`).toMatch(/^0/);
    expect(report).toMatchObject({ isComplete: true, problems: [] });
    expect(report.service).toMatchObject({ model: "adder", version: 1, state: "promoted" });

    const [before, after] = await dumps();
    expect(after).toEqual(before);
    expect(await infer(platform.url, token)).toEqual(await infer(laptop.url));
  });
});
