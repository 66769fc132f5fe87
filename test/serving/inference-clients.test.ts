import { execFile } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
// @ts-expect-error a plain module, shared with the tools that run without a build
import { ensureEnginePython, ensurePython } from "../../tools/python.mjs";
import { echo, linearSoftmax } from "../support/onnx.ts";
import type { Element } from "../support/onnx.ts";
import { ruleFor, startServingPlatform, variantFor } from "../support/serving-platform.ts";
import type { ServingPlatform } from "../support/serving-platform.ts";

const TYPES: Element[] = [
  "BOOL",
  "INT8",
  "INT16",
  "INT32",
  "INT64",
  "UINT8",
  "UINT16",
  "UINT32",
  "UINT64",
  "FP16",
  "FP32",
  "FP64",
  "BYTES",
];

let platform: ServingPlatform;

beforeAll(async () => {
  platform = await startServingPlatform();
  const never = new AbortController().signal;
  const serve = async (service: string, file: Uint8Array) => {
    await platform.backend.prepare(variantFor(service, 1, await platform.model(file)), never);
    await platform.backend.route(ruleFor(service));
  };
  await serve("digits", linearSoftmax());
  for (const type of TYPES) await serve(`echo-${type}`, echo(type));
}, 60_000);

afterAll(() => platform?.close());

/** What a script saw. */
async function run(python: string, script: string): Promise<Record<string, unknown>> {
  const path = fileURLToPath(new URL(`../python/${script}`, import.meta.url));
  const { stdout } = await promisify(execFile)(python, [path, platform.url, "digits"], {
    timeout: 150_000,
    maxBuffer: 4 * 1024 * 1024,
    env: {
      PATH: `${join(python, "..")}:/usr/bin:/bin`,
      HOME: platform.dataDir,
      MLFLOW_DISABLE_TELEMETRY: "true",
    },
  });
  return JSON.parse(stdout.slice(stdout.lastIndexOf("\n{") + 1)) as Record<string, unknown>;
}

describe("the unchanged clients of Triton and KServe, over HTTP", () => {
  let seen: Record<string, unknown>;

  beforeAll(async () => {
    seen = await run((ensureEnginePython as (name: string) => string)("kserve"), "inference_clients.py");
  }, 300_000);

  it("see health, metadata and the repository", () => {
    expect(seen["live"]).toEqual([true, true, true]);
    expect(seen["unknown"]).toBe(false);
    expect(seen["extensions"]).toEqual(["binary_tensor_data", "model_repository"]);
    expect(seen["metadata"]).toMatchObject({
      name: "digits",
      versions: ["1"],
      inputs: [{ name: "x", datatype: "FP32", shape: [-1, 4] }],
    });
    expect(seen["index"]).toContainEqual({ name: "digits", version: "1", state: "READY", reason: "" });
  });

  it("load what is there, and learn why nothing is unloaded", () => {
    expect(seen["unload"]).toEqual(["409", expect.stringContaining("environment repository")]);
    expect(seen["load"]).toEqual(["404", expect.stringContaining("nobody")]);
    expect(seen["config"]).toEqual(["400", expect.stringContaining("slipway.yaml")]);
  });

  it("infer with binary and JSON tensors both ways", () => {
    expect(seen["ids"]).toEqual(Array(4).fill("r-1"));
    expect(new Set((seen["labels"] as number[][]).map(String)).size).toBe(1);
    expect(seen["labels"]).toContainEqual(seen["all outputs"]);
    expect(seen["equal"]).toBe(true);
    expect(seen["order"]).toEqual(["probabilities", "label"]);
    expect(seen["version"]).toBe("1");
    expect(seen["kserve live"]).toEqual([true, true, true, true]);
    expect(seen["kserve labels"]).toEqual(Array(2).fill(["k-1", seen["all outputs"]]));
    expect(seen["kserve v1"]).toEqual(seen["all outputs"]);
  });

  it("send and get every datatype to the last bit", () => {
    expect(seen["echoed"]).toEqual(TYPES);
    expect(seen["nul"]).toEqual(["400", expect.stringContaining("NUL")]);
  });

  it("are refused in the protocol's shape", () => {
    expect(seen["classes"]).toEqual(["501", expect.stringContaining("classification")]);
    expect(seen["wrong"]).toEqual([
      "400",
      'input "x": its shape is [1,3], but the model takes [-1,4] (-1: any size)',
    ]);
  });
});

describe("MLflow's own clients of its scoring protocol", () => {
  let seen: Record<string, unknown>;

  beforeAll(async () => {
    seen = await run((ensurePython as () => string)(), "mlflow_scoring.py");
  }, 300_000);

  it("get records for data frames and tensors for arrays", () => {
    const frame = seen["frame"] as { label: number; probabilities: number[] }[];
    expect(frame.map(({ probabilities }) => probabilities.length)).toEqual([3, 3]);
    expect(seen["array"]).toEqual(frame.map(({ label }) => label));
    expect(seen["params"]).toBe(2);
    expect(seen["deployments"]).toEqual(["label", "probabilities"]);
  });

  it("are refused as MLflow refuses", () => {
    expect(seen["narrow"]).toContain("error code 400");
    expect(seen["narrow"]).toContain('\\"error_code\\":\\"BAD_REQUEST\\"'.replaceAll("\\", ""));
  });
});
