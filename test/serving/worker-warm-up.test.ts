import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadOnnxModel } from "../../src/serving/worker/onnx-model.ts";
import { warmUp } from "../../src/serving/worker/warm-up.ts";
import {
  echo,
  fromMean,
  linearSoftmax,
  lookUp,
  namedClasses,
  oneRowOnly,
  runningSum,
  twoInputs,
} from "../support/onnx.ts";
import { v2 } from "../support/worker-process.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "slipway-warm-up-"));
});
afterEach(() => rm(folder, { recursive: true }));

/** Whether requests to a model would be joined, given the request of its contract. */
async function joins(file: Uint8Array, request?: unknown): Promise<boolean> {
  await writeFile(join(folder, "model.onnx"), file);
  if (request !== undefined) await writeFile(join(folder, "contract.json"), JSON.stringify({ request }));
  const model = await loadOnnxModel(folder, 1);
  try {
    return (await warmUp(model, folder)).joins;
  } finally {
    await model.release();
  }
}

describe("a model that is warmed up", () => {
  const batched: [string, Uint8Array][] = [
    ["numbers", linearSoftmax()],
    ["indices", lookUp()],
    ["strings", namedClasses()],
    ["two inputs", twoInputs()],
    ["booleans", echo("BOOL")],
    ["texts", echo("BYTES", ["n", 2])],
    ["halves", echo("FP16")],
  ];
  it.each(batched)("is given several requests at once when it answers rows apart: %s", async (_, file) => {
    expect(await joins(file)).toBe(true);
  });

  const alone: [string, Uint8Array][] = [
    ["one row only", oneRowOnly()],
    ["rows that add up", runningSum()],
    ["rows compared with their mean", fromMean()],
  ];
  it.each(alone)("is given one request at a time otherwise: %s", async (_, file) => {
    expect(await joins(file)).toBe(false);
  });

  it("is tried with its own example", async () => {
    expect(await joins(linearSoftmax(), v2("x", "FP32", [1, 4], [1, 2, 3, 4]))).toBe(true);
    expect(await joins(linearSoftmax(), v2("x", "FP32", [3, 4], Array.from({ length: 12 }, Math.sin)))).toBe(
      true,
    );
    expect(await joins(fromMean(), v2("x", "FP32", [1, 2], [5, 5]))).toBe(false);
    expect(await joins(fromMean(), v2("x", "FP32", [2, 2], [5, 5, 1, 1]))).toBe(false);
    expect(await joins(fromMean(), v2("x", "FP32", [2, 2], [5, 5, 5, 5]))).toBe(false);
  });

  it("is served all the same when its example is nonsense or fails", async () => {
    expect(await joins(linearSoftmax(), { inputs: [] })).toBe(true);
    expect(await joins(lookUp(), v2("index", "INT64", [1], [99]))).toBe(false);
  });
});
