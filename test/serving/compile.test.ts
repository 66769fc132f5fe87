import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readVerdict } from "../../src/serving/compile/compilation.ts";
import { compareTensors } from "../../src/serving/compile/compare.ts";
import { createModelCompiler } from "../../src/serving/compile/compiler.ts";
import type { Written } from "../../src/serving/compile/job.ts";
import { proveInProcess } from "../../src/serving/compile/prove-process.ts";
import { proveCandidates } from "../../src/serving/compile/prove.ts";
import { createModelStore } from "../../src/serving/folder-model-store.ts";
import type { ModelEnvironments } from "../../src/serving/model-environments.ts";
import { datatypeNamed } from "../../src/serving/protocol/datatypes.ts";
import type { Datatype } from "../../src/serving/protocol/datatypes.ts";
import type { Tensor } from "../../src/serving/protocol/tensor.ts";
import { withFacts } from "../../src/serving/worker/compiled-model.ts";
import type { Model } from "../../src/serving/worker/model.ts";
import { loadOnnxModel } from "../../src/serving/worker/onnx-model.ts";
import { encodeTensors } from "../../src/serving/worker/python/tensor-frames.ts";
import { asCompiled } from "../../src/serving/worker/compiled-model.ts";
import { createFolderBlobs } from "../../src/store/folder-blobs.ts";
import { linearSoftmax, onnxModel } from "../support/onnx.ts";
import { testPython } from "../support/python-environment.ts";

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "slipway-compile-"));
});
afterAll(() => rm(root, { recursive: true }));

function tensor(name: string, shape: number[], values: unknown[]): Tensor {
  const datatype = datatypeNamed(name) as Datatype;
  const data = datatype.make(values.length);
  datatype.read(values, data, 0);
  return { datatype, shape, data, start: 0 };
}

describe("two answers", () => {
  const difference = (a: Tensor, b: Tensor) => compareTensors(a, b).difference;

  it("are equal within the tolerance for numbers, and exactly for all else", () => {
    const one = tensor("FP64", [3], [1, 1e6, "NaN"]);
    expect(compareTensors(one, tensor("FP64", [3], [1.000005, 1e6 + 5, "NaN"]))).toEqual({
      difference: undefined,
      largest: 5,
    });
    expect(difference(one, tensor("FP64", [3], [1.00002, 1e6, "NaN"]))).toBe("[0]: 1.00002 instead of 1");
    expect(difference(one, tensor("FP64", [3], [1, 1e6, 0]))).toBe("[2]: 0 instead of NaN");
    expect(difference(tensor("FP64", [1], ["Infinity"]), tensor("FP64", [1], [1e300]))).toMatch(/1e\+300/);
    expect(difference(tensor("INT64", [1], [1]), tensor("INT64", [1], [2]))).toBe("[0]: 2 instead of 1");
    expect(difference(tensor("BYTES", [1], ["a"]), tensor("BYTES", [1], ["a"]))).toBeUndefined();
    expect(difference(tensor("BYTES", [1], ["a"]), tensor("BYTES", [1], ["b"]))).toBe("[0]: b instead of a");
    expect(difference(one, tensor("FP32", [3], [1, 1e6, "NaN"]))).toMatch(/FP32 instead of FP64/);
    expect(difference(one, tensor("FP64", [3, 1], [1, 1e6, "NaN"]))).toMatch(/shape/);
  });
});

/** x FP64 [n] -> y FP64 [n]: half of x, on the way rounded to float32. */
function halfInSingle(): Uint8Array {
  return onnxModel({
    inputs: [{ name: "x", type: "FP64", shape: ["n"] }],
    outputs: [{ name: "y", type: "FP64", shape: ["n"] }],
    constants: [{ name: "half", shape: [1], floats: [0.5] }],
    nodes: [
      { op: "Cast", inputs: ["x"], outputs: ["x32"], attributes: { to: 1 } },
      { op: "Mul", inputs: ["x32", "half"], outputs: ["y32"] },
      { op: "Cast", inputs: ["y32"], outputs: ["y"], attributes: { to: 11 } },
    ],
  });
}

describe("the proof", () => {
  /** A job as Python writes it: its candidates, and what the original answered. */
  async function job(candidates: Uint8Array[], answers: number[], names = ["x", "y"]): Promise<string> {
    const folder = await mkdtemp(join(root, "job-"));
    for (const [at, content] of candidates.entries()) {
      await mkdir(join(folder, `candidate-${at}`));
      await writeFile(join(folder, `candidate-${at}`, "model.onnx"), content);
    }
    const parts = [tensor("FP64", [2], [1, 3]), tensor("FP64", [2], answers)].flatMap((one) => {
      const payload = encodeTensors([one]);
      const length = Buffer.alloc(4);
      length.writeUInt32LE(payload.length);
      return [length, payload];
    });
    await writeFile(
      join(folder, "cases.bin"),
      Buffer.concat(parts as unknown as Uint8Array[]) as unknown as Uint8Array,
    );
    const written: Written = {
      framework: "scikit-learn 1",
      estimator: "Half",
      python: "3",
      converters: {},
      candidates: candidates.map((_, at) => ({ folder: `candidate-${at}`, name: `way ${at}` })),
      failed: [],
      cases: [{ name: "input example", rows: 2, pieces: 1 }],
      inputs: [{ name: names[0] as string, datatype: "FP64", shape: [-1], column: true }],
      outputs: [{ name: names[1] as string, datatype: "FP64", shape: [-1] }],
      refuses: [],
    };
    await writeFile(join(folder, "job.json"), JSON.stringify(written));
    return folder;
  }

  it("takes the first candidate that answers alike, in a process of its own", async () => {
    const folder = await job([linearSoftmax(), new Uint8Array([1, 2]), halfInSingle()], [0.5, 1.5]);
    const command = { nodeFile: process.execPath, mainFile: resolve("dist/main.js") };
    expect(await proveInProcess(command, folder)).toEqual({
      proven: { folder: "candidate-2", name: "way 2", rows: 2, largest: 0 },
      different: [
        { name: "way 0", reason: expect.stringContaining("its inputs are") as string },
        { name: "way 1", reason: expect.stringContaining("ONNX Runtime can't load") as string },
      ],
    });
    await rm(join(folder, "job.json"));
    await expect(proveInProcess(command, folder)).rejects.toThrow(/exit code 1/);
  });

  it("tells where one differs, and wants the original's names", async () => {
    expect((await proveCandidates(await job([halfInSingle()], [0.5, 1.501]))).different).toEqual([
      { name: "way 0", reason: "input example[1]: 1.5 instead of 1.501" },
    ]);
    const renamed = await proveCandidates(await job([halfInSingle()], [0.5, 1.5], ["x", "z"]));
    expect(renamed.different[0]?.reason).toContain("its outputs are");
  });
});

describe("a compiled model", () => {
  const port = (name: string, shape: number[]) => ({
    name,
    datatype: datatypeNamed("FP64") as Datatype,
    shape,
  });
  const seen: (readonly number[])[] = [];
  const plain = (shape: number[], names: string[]): Model => ({
    inputs: names.map((name) => port(name, shape)),
    outputs: [],
    run: async (inputs) => {
      seen.push(...inputs.map((input) => input.shape));
      return [];
    },
    release: async () => {},
  });

  it("refuses what the original refuses, in its words", async () => {
    const matrix = withFacts(plain([-1, 2], ["x"]), {
      columns: [],
      refuses: [
        { kind: "nan", features: [1], message: "ValueError: Input X contains NaN." },
        { kind: "infinite", features: [0], message: "ValueError: infinity" },
        { kind: "large", features: [0], message: "ValueError: too large" },
      ],
    });
    const run = (...values: unknown[]) => matrix.run([tensor("FP64", [2, 2], values)]);
    await expect(run(1, 2, "NaN", 4)).resolves.toEqual([]);
    await expect(run(1, "Infinity", 3, 1e39)).resolves.toEqual([]);
    await expect(async () => run(1, 2, 3, "NaN")).rejects.toThrow("ValueError: Input X contains NaN.");
    await expect(async () => run(1, 2, "-Infinity", 4)).rejects.toThrow("ValueError: infinity");
    await expect(async () => run(1, 2, -1e39, 4)).rejects.toThrow("ValueError: too large");
  });

  it("takes columns as [n] and as [n, 1]", async () => {
    seen.length = 0;
    const refuses = [{ kind: "nan" as const, features: [1], message: "no" }];
    const table = withFacts(plain([-1], ["a", "b"]), { columns: ["a", "b"], refuses });
    expect(table.inputs.map(({ isColumn }) => isColumn)).toEqual([true, true]);
    await table.run([tensor("FP64", [2, 1], ["NaN", 1]), tensor("FP64", [2], [1, 2])]);
    expect(seen).toEqual([[2], [2]]);
    await expect(async () =>
      table.run([tensor("FP64", [1], [0]), tensor("FP64", [1], ["NaN"])]),
    ).rejects.toThrow("no");
  });
});

const TRAIN = `
import sys, mlflow, numpy as np, pandas as pd
from sklearn.tree import DecisionTreeClassifier
rows = pd.DataFrame({"age": np.linspace(18, 80, 60), "visits": np.arange(60) % 7})
model = DecisionTreeClassifier(max_depth=3).fit(rows, np.where(rows["age"] * rows["visits"] > 100, "yes", "no"))
mlflow.sklearn.save_model(model, sys.argv[1], input_example=rows[:4], pip_requirements=["mlflow"], serialization_format="cloudpickle")
`;

describe("a scikit-learn model in a store", () => {
  let python: string;
  let environments: ModelEnvironments;
  const lines: string[] = [];
  beforeAll(async () => {
    python = testPython();
    environments = {
      prepare: async () => python,
      converters: async () => undefined,
      log: (_, text) => void lines.push(text),
    };
    const made = spawnSync(python, ["-W", "ignore", "-c", TRAIN, join(root, "artifacts", "m")], {
      encoding: "utf8",
    });
    expect(made.status, made.stderr).toBe(0);
  });

  it("is compiled once, with the inputs and outputs that it has in Python; never where that isn't wanted", async () => {
    const modelsRoot = join(root, "models");
    const store = await createModelStore({
      blobs: createFolderBlobs(join(root, "artifacts")),
      modelsRoot,
      environments,
      compiler: createModelCompiler({ environments, modelsRoot, temporary: ".tmp-", prove: proveCandidates }),
    });
    const copy = await store.materialise("m");
    expect(copy, lines.join("")).toMatchObject({
      format: "onnx",
      compiled: {
        isProven: true,
        reason: expect.stringMatching(
          /^DecisionTreeClassifier of scikit-learn \S+, equal on \d+ rows \(4 input example, .*beside split thresholds/,
        ) as string,
      },
    });
    expect(copy.python).toBeUndefined();
    const model = await asCompiled(await loadOnnxModel(copy.modelDir, 1), copy.modelDir);
    expect(
      model.inputs.map(({ name, datatype, shape, isColumn }) => [name, datatype.name, shape, isColumn]),
    ).toEqual([
      ["age", "FP64", [-1], true],
      ["visits", "INT64", [-1], true],
    ]);
    const inputs = [tensor("FP64", [2, 1], [20, 70]), tensor("INT64", [2, 1], [1, 6])];
    const [labels] = await model.run(inputs);
    expect([labels?.datatype.name, labels?.shape, labels?.data]).toEqual(["BYTES", [2], ["no", "yes"]]);
    await expect(async () =>
      model.run([tensor("FP64", [1], ["Infinity"]), tensor("INT64", [1], [1])]),
    ).rejects.toThrow(/^ValueError: Input X contains infinity/);
    await model.release();
    expect((await readdir(copy.modelDir)).sort()).toEqual([
      "MLmodel",
      "compiled.json",
      "contract.json",
      "model.onnx",
    ]);
    expect(JSON.parse(await readFile(join(copy.modelDir, "contract.json"), "utf8"))).toMatchObject({
      recordedAt: "registration",
    });

    const { sha256: _, ...kept } = copy;
    expect(await store.find(copy.sha256)).toEqual(kept);
    const never = { modelDir: join(modelsRoot, copy.sha256), format: "python", python };
    expect(await store.find(copy.sha256, "never")).toEqual(never);
    expect(await store.materialise("m", "never")).toEqual({ ...never, sha256: copy.sha256 });
    expect((await readdir(modelsRoot)).filter((name) => name.startsWith(".tmp-"))).toEqual([]);
    // What was proven and is gone isn't believed any more.
    await rm(copy.modelDir, { recursive: true });
    expect(await readVerdict(join(modelsRoot, copy.sha256))).toBeUndefined();
    expect((await store.find(copy.sha256))?.format).toBe("python");
  });
});
