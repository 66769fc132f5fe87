import { copyFileSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, delimiter, join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { seedEnvironment, testPython } from "../support/python-environment.ts";
import {
  git,
  newFolder,
  processesOf,
  removeFolder,
  run,
  slipway,
  startPlatform,
  type TestPlatform,
} from "./platform.ts";

const SPEC = `apiVersion: slipway/v1
kind: Project
name: leaves
pipeline: { steps: [{ name: train, run: python train.py }] }
model: { name: leaves }
serving: { compile: never }
`;

describe("a scikit-learn model with a column of text, logged and registered by the unchanged mlflow client", () => {
  const data = newFolder("python-model");
  const work = newFolder("python-model-work");
  let platform: TestPlatform;
  beforeAll(async () => {
    seedEnvironment(data);
    platform = await startPlatform(data, 0, {
      PATH: [dirname(testPython()), process.env["PATH"]].join(delimiter),
    });
    mkdirSync(work, { recursive: true });
    writeFileSync(join(work, "slipway.yaml"), SPEC);
    copyFileSync(resolve("test/python/python_model.py"), join(work, "train.py"));
    for (const args of [
      ["init", "-b", "main"],
      ["add", "-A"],
      ["commit", "-m", "first"],
    ])
      expect((await git(work, ...args)).code).toBe(0);
  });
  afterAll(async () => {
    await platform?.stop();
    removeFolder(data);
    removeFolder(work);
  });

  const call = async (path: string, body?: unknown, type = "application/json") => {
    const sent = {
      method: "POST",
      headers: { "content-type": type },
      body: typeof body === "string" ? body : JSON.stringify(body),
    };
    const answer = await fetch(`${platform.url}${path}`, body === undefined ? {} : sent);
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
  };
  const rows = [5, 60, 7, 8, 51, 50].map((months, row) => ({
    plan: ["basic", "pro", "team"][row % 3] as string,
    months,
  }));
  const predicted = [0, 1, 1, 0, 1, 1];

  test("becomes champion once it has answered its example in its own environment", async () => {
    const pushed = await run("git", ["push", `${platform.gitUrl}/leaves.git`, "main"], {
      cwd: work,
      timeoutMs: 170_000,
    });
    expect(pushed.code, pushed.output).toBe(0);
    expect(pushed.output).toContain("as when it was first loaded in its own environment");
    const metadata = await call("/v2/models/leaves");
    expect(metadata.body).toEqual({
      name: "leaves",
      versions: ["1"],
      platform: "mlflow_pyfunc",
      inputs: [
        { name: "plan", datatype: "BYTES", shape: [-1] },
        { name: "months", datatype: "FP64", shape: [-1] },
      ],
      outputs: [{ name: "output-0", datatype: "INT64", shape: [-1] }],
    });
    // Nothing was installed: what it pins was there.
    expect(readdirSync(join(data, "cache", "environments"))).toEqual(["tests"]);
  }, 180_000);

  test("answers as in the training script, over V2, V1 and /invocations", async () => {
    const column = (name: "plan" | "months", datatype: string, shape: number[]) => ({
      name,
      datatype,
      shape,
      data: rows.map((row) => row[name]),
    });
    // Columns may be written as [n] or as [n, 1].
    for (const shape of [[6], [6, 1]]) {
      const inputs = [column("plan", "BYTES", shape), column("months", "FP64", shape)];
      const { status, body } = await call("/v2/models/leaves/infer", { inputs });
      expect({ status, outputs: body["outputs"] }).toEqual({
        status: 200,
        outputs: [{ name: "output-0", datatype: "INT64", shape: [6], data: predicted }],
      });
    }
    expect((await call("/v1/models/leaves:predict", { instances: rows })).body).toEqual({
      predictions: predicted,
    });
    const invocations = "/endpoints/leaves/invocations";
    expect((await call(invocations, { dataframe_records: rows })).body).toEqual({ predictions: predicted });
    const csv = `plan,months\n${rows.map(({ plan, months }) => `${plan},${months}.0`).join("\n")}\n`;
    expect((await call(invocations, csv, "text/csv")).body).toEqual({ predictions: predicted });
    const bad = await call(invocations, { rows });
    expect([bad.status, bad.body["error_code"]]).toEqual([400, "BAD_REQUEST"]);
  });

  test.skipIf(process.platform !== "linux")("survives the death of its Python process", async () => {
    const python = processesOf(data).filter(({ pid }) => textOf(pid, "cmdline").includes("worker.py\0serve"));
    expect(python).toHaveLength(1);
    const { pid } = python[0] as { pid: number };
    // Nothing of ours is in its environment, its home least of all.
    const variables = textOf(pid, "environ").split("\0");
    expect(variables.filter((line) => /^(USER|LOGNAME|SLIPWAY|MLFLOW_TRACKING|NODE)/.test(line))).toEqual([]);
    expect(variables.find((line) => line.startsWith("HOME="))).toMatch(/slipway-model-/);
    process.kill(pid, "SIGKILL");
    const inputs = [
      { name: "plan", datatype: "BYTES", shape: [1], data: ["pro"] },
      { name: "months", datatype: "FP64", shape: [1], data: [1] },
    ];
    await expect
      .poll(() => call("/v2/models/leaves/infer", { inputs }).then(({ status }) => status), {
        timeout: 60_000,
        interval: 200,
      })
      .toBe(200);
    const { output } = await slipway(["logs", "service/leaves", "--url", platform.url]);
    expect(output).toContain("the model's Python process ended by signal SIGKILL");
  });

  test("is compiled where its file doesn't say never, and its callers can't tell", async () => {
    const spec = `${SPEC.replace("compile: never", "compile: auto")}rollout: { kind: instant }\n`;
    writeFileSync(join(work, "slipway.yaml"), spec);
    expect((await git(work, "commit", "-am", "compiled")).code).toBe(0);
    const pushed = await run("git", ["push", `${platform.gitUrl}/leaves.git`, "main"], {
      cwd: work,
      timeoutMs: 170_000,
    });
    expect(pushed.code, pushed.output).toBe(0);
    expect(pushed.output).toContain("compiled to ONNX, which is proven to answer as the model itself");
    const { body } = await call("/v2/models/leaves");
    expect(body).toMatchObject({
      platform: "onnxruntime_onnx",
      inputs: [
        { name: "plan", datatype: "BYTES", shape: [-1] },
        { name: "months", datatype: "FP64", shape: [-1] },
      ],
      outputs: [{ name: "output-0", datatype: "INT64", shape: [-1] }],
    });
    expect((await call("/v1/models/leaves:predict", { instances: rows })).body).toEqual({
      predictions: predicted,
    });
    const invocations = "/endpoints/leaves/invocations";
    expect((await call(invocations, { dataframe_records: rows })).body).toEqual({ predictions: predicted });
    const { output } = await slipway(["why", "version/leaves/2", "--url", platform.url]);
    expect(output.replaceAll(/\s+/g, " ")).toContain(
      "runs in ONNX Runtime, compiled from Python: DecisionTreeClassifier of scikit-learn",
    );
    expect(readdirSync(join(data, "cache", "environments"))).toEqual(["tests"]);
  }, 240_000);
});

function textOf(pid: number, file: "cmdline" | "environ"): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return "";
  }
}
