import { spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createModelCompiler } from "../../src/serving/compile/compiler.ts";
import { proveCandidates } from "../../src/serving/compile/prove.ts";
import type { ModelEnvironments } from "../../src/serving/model-environments.ts";
import { asCompiled } from "../../src/serving/worker/compiled-model.ts";
import { loadOnnxModel } from "../../src/serving/worker/onnx-model.ts";
import { loadPythonModel } from "../../src/serving/worker/python-model.ts";
import { describeModel } from "../../src/serving/worker/python/describe.ts";
// @ts-expect-error a plain module, shared with the tools that run without a build
import { ensureEnginePython } from "../../tools/python.mjs";

/** Per model of compile_models.py: proven, or why it stays in Python. */
const EXPECTED: Record<string, true | RegExp> = {
  forest: true,
  "forest-matrix": true,
  "forest-words": true,
  "forest-probabilities": true,
  "forest-regressor": true,
  tree: true,
  boosting: true,
  "boosting-regressor": true,
  "histogram-boosting": /can't be written as ONNX/,
  logistic: true,
  "logistic-probabilities": true,
  linear: true,
  searched: true,
  "scaled-logistic": true,
  "scaled-forest": true,
  "imputed-forest": true,
  "columns-logistic": true,
  "columns-forest": /answers otherwise than with scikit-learn.*missing values/,
  "columns-strict": /refuses some edge cases.*unknown categories/,
  "own-function": /can't be written as ONNX.*FunctionTransformer/,
  neighbours: /answers otherwise.*on both sides of boundaries/,
  "support-vectors": /answers otherwise.*on both sides of boundaries/,
  counts: true,
  "xgboost-classifier": true,
  "xgboost-two-classes": true,
  "xgboost-missing": true,
  "xgboost-regressor": true,
  "xgboost-booster": true,
  "xgboost-pipeline": /answers otherwise.*on both sides of boundaries/,
  "lightgbm-classifier": true,
  "lightgbm-two-classes": true,
  "lightgbm-missing": true,
  "lightgbm-regressor": true,
  "lightgbm-booster": true,
  "lightgbm-whole": true,
};

let root: string;
let python: string;
const lines: string[] = [];
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "slipway-compile-"));
  python = (ensureEnginePython as (name: string) => string)("boosters");
});
afterAll(() => rm(root, { recursive: true, force: true }));

describe.each(Object.entries(EXPECTED))("%s", (name, expected) => {
  it("runs in Python, and as ONNX only where that is the same", async () => {
    const script = "test/engines/python/compile_models.py";
    const made = spawnSync(python, ["-W", "ignore", script, root, name], { encoding: "utf8" });
    expect(made.status, made.stderr).toBe(0);
    const modelDir = join(root, name);
    const log = (text: string): void => void lines.push(text);

    // In Python it loads, and answers its example twice alike.
    const { example, answer } = await describeModel({ python, modelDir, log });
    expect(answer).toHaveLength(1);
    const original = await loadPythonModel({ python, modelDir, threads: 1, log, onDied: () => {} });
    const { inputs, outputs } = original;
    await original.release();

    const environments: ModelEnvironments = {
      prepare: async () => python,
      converters: async () => undefined,
      log,
    };
    const compiler = createModelCompiler({
      environments,
      modelsRoot: root,
      temporary: ".tmp-",
      prove: proveCandidates,
    });
    const verdict = await compiler.compile(modelDir, python);
    if (expected !== true) {
      expect(verdict).toEqual({ isProven: false, reason: expect.stringMatching(expected) as string });
      return;
    }
    expect(verdict.isProven, verdict.reason).toBe(true);
    const compiled = `${modelDir}.compiled`;
    const model = await asCompiled(await loadOnnxModel(compiled, 1), compiled);
    expect(model.inputs).toEqual(inputs);
    expect(model.outputs).toEqual(
      outputs.map(({ name: output, datatype, shape }) => ({ name: output, datatype, shape })),
    );
    expect(example?.length).toBe(model.inputs.length);
    await model.release();
  });
});
