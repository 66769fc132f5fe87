import { execFile } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
// @ts-expect-error a plain module, shared with the tools that run without a build
import { ensurePython } from "../../tools/python.mjs";
import { startPlatform, type TestPlatform } from "./platform.ts";

let platform: TestPlatform;
let seen: Record<string, unknown>;

/** Runs the script once; each test looks at a part of what the client saw. */
beforeAll(async () => {
  const python = (ensurePython as () => string)();
  platform = await startPlatform();
  const url = await platform.app.listen({ host: "127.0.0.1", port: 0 });
  const work = join(platform.folder, "work");
  await mkdir(work);
  const script = fileURLToPath(new URL("../python/mlflow_client.py", import.meta.url));
  const { stdout } = await promisify(execFile)(python, [script], {
    cwd: work,
    timeout: 150_000,
    maxBuffer: 16 * 1024 * 1024,
    env: {
      PATH: `${join(python, "..")}:/usr/bin:/bin`,
      HOME: work,
      MLFLOW_TRACKING_URI: url,
      MLFLOW_DISABLE_TELEMETRY: "true",
      MLFLOW_HTTP_REQUEST_MAX_RETRIES: "0",
      GIT_PYTHON_REFRESH: "quiet",
    },
  });
  seen = JSON.parse(stdout.slice(stdout.lastIndexOf("\n{") + 1)) as Record<string, unknown>;
}, 240_000);
afterAll(() => platform?.close());

describe("the unchanged mlflow client", () => {
  it("makes an experiment once", () => expect(seen["experiment"]).toEqual(["1", "1"]));

  it("logs params, which are written once", () => {
    expect(seen["params"]).toEqual({ a: "1", b: "two", c: "3.5" });
    expect(seen["changed_param"]).toBe("INVALID_PARAMETER_VALUE");
  });

  it("logs metrics, NaN and infinity too, and reads their history", () => {
    expect(seen["metrics"]).toEqual({
      loss: "0.2",
      accuracy: "0.9",
      nan: "nan",
      inf: "1.7976931348623157e+308",
    });
    expect(seen["history"]).toEqual([0, 1, 2, 3, 4].map((step) => [step, 1 / (step + 1)]));
  });

  it("finishes a named run with its dataset", () => {
    expect(seen).toMatchObject({ status: "FINISHED", name: "parent", inputs: [["iris", "training"]] });
  });

  it("moves artifacts up and down and lists them", () => {
    expect(seen["files"]).toEqual([
      ["config.json", false, expect.any(Number)],
      ["d", true, null],
      ["many", true, null],
      ["ümlaut & space.bin", false, 256_000],
    ]);
    expect(seen).toMatchObject({
      below: ["d/hello.txt"],
      binary: true,
      downloaded: ["empty", "ümlaut & space.bin"],
      text: "hello",
      dict: { k: [1, 2] },
    });
  });

  it("searches runs by metric and tag, in order and by pages", () => {
    expect(seen).toMatchObject({
      search: [
        ["parent", "child"],
        [0.9, 0.5],
      ],
      children: ["child"],
      paged: [1, 1],
    });
  });

  it("logs, registers and loads scikit-learn and ONNX models by every kind of URI", () => {
    expect(seen).toMatchObject({
      versions: ["1", "2"],
      alias: "1",
      loads: [true, true, true, true],
      onnx: true,
      logged: [
        ["model", "READY"],
        ["onnx", "READY"],
      ],
      model_metric: [["score", 0.7]],
      outputs: 2,
    });
  });

  it("keeps stages, tags, descriptions and aliases of versions", () => {
    expect(seen).toMatchObject({
      version: ["Production", { k: "v" }, "first", ["mine"]],
      models: ["rm1"],
      found: ["1", "2"],
      latest: ["1"],
      copied: true,
    });
  });

  it("keeps prompts apart from models", () => {
    expect(seen).toMatchObject({ prompt: "Hello {{name}}", without_prompts: ["rm1"] });
  });

  it("deletes and restores runs and experiments", () => {
    expect(seen).toMatchObject({
      deleted: "deleted",
      restored: "active",
      gone: ["Default"],
      back: ["Default", "exp1"],
      missing: "RESOURCE_DOES_NOT_EXIST",
    });
  });

  it("logs by itself and later", () => {
    expect(seen).toMatchObject({ autolog: true, async: { m: 1 } });
  });

  it("met no defect", () => expect(platform.defects).toEqual([]));
});
