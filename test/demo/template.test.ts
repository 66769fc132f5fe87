import { execFile, execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Contract } from "../../src/serving/model-store.ts";

const run = promisify(execFile);
const root = new URL("../..", import.meta.url).pathname;
const template = join(root, "templates/digits");
const faults = join(root, "demo/faults");

const readLines = (path: string): string[] => readFileSync(path, "utf8").trimEnd().split("\n");
const live = readLines(join(root, "demo/data/live.csv"))
  .slice(1)
  .map((line) => line.split(",").map(Number));

interface Trained {
  model: Buffer;
  contract: Contract;
  metrics: Record<string, number>;
  uploads: string[];
}

let base: string;
beforeAll(() => {
  base = mkdtempSync(join(tmpdir(), "slipway-template-"));
});
afterAll(() => rmSync(base, { recursive: true, force: true }));

/** The template as `slipway init` leaves it: the name in every text. */
function copyAsInit(folder: string): void {
  cpSync(template, folder, { recursive: true });
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    const path = join(folder, name);
    if (statSync(path).isFile())
      writeFileSync(path, readFileSync(path, "utf8").replaceAll("__NAME__", "digits"));
  }
}

/** Runs the template's steps against a small stand-in for MLflow's REST API, with a fault applied when named. */
async function train(hidden: number, fault?: string, epochs = 8): Promise<Trained> {
  const folder = mkdtempSync(join(base, "project-"));
  copyAsInit(folder);
  if (fault !== undefined) execFileSync("git", ["apply", join(faults, fault)], { cwd: folder });
  const metrics: Record<string, number> = {};
  const uploads: string[] = [];
  const server = createServer((request, response) => {
    const chunks: string[] = [];
    request.setEncoding("utf8");
    request.on("data", (chunk: string) => chunks.push(chunk));
    request.on("end", () => {
      const path = request.url ?? "";
      if (request.method === "PUT") uploads.push(path);
      if (path.endsWith("/log-batch")) {
        const body = JSON.parse(chunks.join("")) as {
          run_id: string;
          metrics?: { key: string; value: number }[];
        };
        expect(body.run_id).toBe("r1");
        for (const { key, value } of body.metrics ?? []) metrics[key] = value;
      }
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify({ run: { info: { artifact_uri: "mlflow-artifacts:/1/r1/artifacts" } } }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const env = {
    PATH: process.env["PATH"] ?? "",
    MLFLOW_TRACKING_URI: `http://127.0.0.1:${port}`,
    MLFLOW_RUN_ID: "r1",
    SLIPWAY_PARAM_HIDDEN: String(hidden),
    SLIPWAY_PARAM_EPOCHS: String(epochs),
  };
  try {
    for (const step of ["features.mjs", "train.mjs", "evaluate.mjs"])
      await run(process.execPath, [step], { cwd: folder, env });
  } finally {
    server.close();
  }
  return {
    model: readFileSync(join(folder, "model/model.onnx")),
    contract: JSON.parse(readFileSync(join(folder, "model/contract.json"), "utf8")) as Contract,
    metrics,
    uploads,
  };
}

async function load(model: Buffer): Promise<InferenceSession> {
  return InferenceSession.create(new Uint8Array(model), { logSeverityLevel: 4 });
}

/** Largest difference between the recorded probabilities and the model's. */
async function contractError(session: InferenceSession, contract: Contract): Promise<number> {
  const [input] = contract.request.inputs;
  const answer = await session.run({
    features: new Tensor("float32", Float32Array.from(input?.data as number[]), input?.shape ?? []),
  });
  const given = answer["probabilities"]?.data as Float32Array;
  const recorded = contract.response.outputs.find(({ name }) => name === "probabilities")?.data as number[];
  return Math.max(...recorded.map((value, i) => Math.abs(value - (given[i] ?? NaN))));
}

/** Shares of the live rows, sent one by one, that are answered rightly and that fail. */
async function onLiveRows(session: InferenceSession): Promise<{ right: number; failed: number }> {
  const rows = live.slice(0, 600);
  let right = 0;
  let failed = 0;
  for (const row of rows) {
    const features = new Tensor("float32", Float32Array.from(row.slice(0, 16)), [1, 16]);
    try {
      const answer = await session.run({ features });
      if (Number(answer["label"]?.data[0]) === row[16]) right++;
    } catch {
      failed++;
    }
  }
  return { right: right / rows.length, failed: failed / rows.length };
}

test("the live rows are rows that the template doesn't have, and no row occurs twice", () => {
  const rows = [
    ...readLines(join(template, "data/digits.csv")).slice(1),
    ...readLines(join(root, "demo/data/live.csv")).slice(1),
  ];
  expect(rows).toHaveLength(10_992);
  const features = rows.map((row) => row.slice(0, row.lastIndexOf(",")));
  expect(new Set(features).size).toBe(10_992);
});

describe("the digits template", () => {
  test("a linear model: logged, uploaded, and ONNX Runtime answers its contract", async () => {
    const { model, contract, metrics, uploads } = await train(0);
    expect(metrics["accuracy"]).toBeGreaterThan(0.93);
    expect(uploads).toEqual([
      "/api/2.0/mlflow-artifacts/artifacts/1/r1/artifacts/model/model.onnx",
      "/api/2.0/mlflow-artifacts/artifacts/1/r1/artifacts/model/contract.json",
    ]);
    const session = await load(model);
    expect(await contractError(session, contract)).toBeLessThan(1e-5);
    expect((await onLiveRows(session)).right).toBeGreaterThan(0.88);
  });

  test("a hidden layer makes it better on rows that training never saw", async () => {
    const { model, contract, metrics } = await train(64);
    expect(metrics["accuracy"]).toBeGreaterThan(0.98);
    const session = await load(model);
    expect(await contractError(session, contract)).toBeLessThan(1e-5);
    expect((await onLiveRows(session)).right).toBeGreaterThan(0.97);
  });
});

describe("the demo's faulty versions pass the gate", () => {
  // The champion has 0.986, its allowance is 0.005.
  const passesGate = (metrics: Record<string, number>, atLeast = 0.982): void =>
    expect(metrics["accuracy"]).toBeGreaterThan(atLeast);

  test("3: sorted columns keep their contract and are wrong on live rows", async () => {
    const { model, contract, metrics } = await train(64, "3-columns-sorted.patch");
    passesGate(metrics);
    const session = await load(model);
    expect(await contractError(session, contract)).toBeLessThan(1e-5);
    const { right, failed } = await onLiveRows(session);
    expect(failed).toBe(0);
    expect(right).toBeLessThan(0.3);
  });

  test("4: a zone out of range keeps its contract and fails on a share of the live rows", async () => {
    const { model, contract, metrics } = await train(64, "4-zone-out-of-range.patch");
    passesGate(metrics);
    const session = await load(model);
    expect(await contractError(session, contract)).toBeLessThan(1e-5);
    const { right, failed } = await onLiveRows(session);
    expect(failed).toBeGreaterThan(0.08);
    expect(failed).toBeLessThan(0.2);
    expect(right / (1 - failed)).toBeGreaterThan(0.97);
  });

  test("5a: an operator set that the runtime doesn't have can't be loaded", async () => {
    const { model, metrics } = await train(64, "5a-operator-set-too-new.patch", 3);
    passesGate(metrics, 0.95);
    await expect(load(model)).rejects.toThrow(/opset/);
  });

  test("5b: an export without scaling loads and breaks its contract", async () => {
    const { model, contract, metrics } = await train(64, "5b-unscaled-export.patch", 3);
    passesGate(metrics, 0.95);
    expect(await contractError(await load(model), contract)).toBeGreaterThan(0.05);
  });

  test("every fault applies to the template", () => {
    const patches = readdirSync(faults).filter((name) => name.endsWith(".patch"));
    expect(patches).toHaveLength(4);
    const folder = mkdtempSync(join(base, "project-"));
    copyAsInit(folder);
    for (const patch of patches)
      execFileSync("git", ["apply", "--check", join(faults, patch)], { cwd: folder });
  });
});
