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
  const { stdout } = await promisify(execFile)(python, [path, platform.url, "digits", platform.grpcUrl], {
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
    expect(seen["kserve labels"]).toEqual([1, 2].map(() => ["k-1", seen["all outputs"]]));
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

describe("the unchanged client of Triton, over gRPC", () => {
  let seen: Record<string, unknown>;

  beforeAll(async () => {
    seen = await run((ensureEnginePython as (name: string) => string)("kserve"), "triton_grpc.py");
  }, 300_000);

  it("sees health, metadata and the repository", () => {
    expect(seen["live"]).toEqual([true, true, true]);
    expect(seen["versions"]).toEqual([true, false]);
    expect(seen["unknown"]).toBe(false);
    expect(seen["server"]).toMatchObject({ name: "slipway", extensions: ["model_repository"] });
    expect(seen["metadata"]).toMatchObject({
      name: "digits",
      versions: ["1"],
      inputs: [{ name: "x", datatype: "FP32", shape: ["-1", "4"] }],
    });
    expect(seen["index"]).toContainEqual({ name: "digits", version: "1", state: "READY" });
    expect(seen["unload"]).toEqual([
      "FAILED_PRECONDITION",
      expect.stringContaining("environment repository"),
    ]);
    expect(seen["load"]).toEqual(["NOT_FOUND", expect.stringContaining("nobody")]);
    expect(seen["config"]).toEqual(["INVALID_ARGUMENT", expect.stringContaining("slipway.yaml")]);
    expect(seen["no such method"]).toEqual(["UNIMPLEMENTED", expect.stringContaining("ModelConfig")]);
  });

  it("infers, packed or not, one call or many at once", () => {
    expect(seen["infer"]).toEqual(["digits", "1", "r-1", 2]);
    expect(seen["sums"]).toEqual([1, 1]);
    expect(seen["order"]).toEqual(["probabilities", "label"]);
    expect(seen["packed"]).toEqual([128, 128]);
    expect(seen["many"]).toBe(128);
    expect(seen["echoed"]).toEqual(TYPES);
  });

  it("is refused with gRPC's own codes", () => {
    expect(seen["nobody"]).toEqual(["NOT_FOUND", expect.stringContaining("nobody")]);
    expect(seen["no version"]).toEqual(["NOT_FOUND", expect.stringContaining("version 9")]);
    expect(seen["wrong name"]).toEqual(["INVALID_ARGUMENT", expect.stringContaining('"y"')]);
    expect(seen["wrong type"]).toEqual(["INVALID_ARGUMENT", expect.stringContaining("INT64")]);
    expect(seen["wrong shape"]).toEqual([
      "INVALID_ARGUMENT",
      'input "x": its shape is [2,3], but the model takes [-1,4] (-1: any size)',
    ]);
    expect(seen["classes"]).toEqual(["UNIMPLEMENTED", expect.stringContaining("classification")]);
    expect(seen["no time"]).toBe("DEADLINE_EXCEEDED");
  });
});

describe("the unchanged client of KServe, over gRPC", () => {
  it("infers with raw and typed tensors of every datatype", async () => {
    const seen = await run((ensureEnginePython as (name: string) => string)("kserve"), "kserve_grpc.py");
    expect(seen["live"]).toEqual([true, true, true]);
    expect(seen["ids"]).toEqual(["k-1", "k-1"]);
    const [raw, typed] = seen["labels"] as number[][];
    expect(raw).toEqual(typed);
    expect(seen["echoed"]).toEqual(TYPES.filter((type) => type !== "FP16"));
    expect(seen["nobody"]).toEqual(["NOT_FOUND", expect.stringContaining("nobody")]);
    expect(seen["too few"]).toEqual(["INVALID_ARGUMENT", expect.stringContaining("the shape takes 8")]);
  }, 300_000);
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
