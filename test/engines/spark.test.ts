import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runMlflowScript } from "../tracking/mlflow-script.ts";
import { startPlatform, type TestPlatform } from "../tracking/platform.ts";
import { requireJava } from "../../tools/java.mjs";
// @ts-expect-error a plain module, shared with the tools that run without a build
import { ensureEnginePython } from "../../tools/python.mjs";

let platform: TestPlatform;
let seen: Record<string, unknown>;

/** Trains once; each test looks at a part of what was logged. */
beforeAll(async () => {
  requireJava(17);
  const python = (ensureEnginePython as (name: string) => string)("spark");
  platform = await startPlatform();
  const env = {
    SPARK_LOCAL_IP: "127.0.0.1",
    PYSPARK_PYTHON: python,
    // Else the client loads every model once more, in a Spark of its own, to find out what it imports.
    MLFLOW_REQUIREMENTS_INFERENCE_TIMEOUT: "1",
    MLFLOW_DFS_TMP: `${platform.folder}/dfs`,
    ...(process.env["JAVA_HOME"] ? { JAVA_HOME: process.env["JAVA_HOME"] } : {}),
  };
  seen = await runMlflowScript(platform, "engines/python/spark_autolog", env, { python, timeout: 500_000 });
});
afterAll(() => platform?.close());

describe("mlflow.pyspark.ml.autolog with Spark in local mode", () => {
  it("logs the parameters, tags, metrics and files of a pipeline", () =>
    expect(seen).toMatchObject({
      params: { "LogisticRegression.maxIter": "5", "LogisticRegression.regParam": "0.01" },
      tags: ["Pipeline", "pyspark.ml.pipeline.Pipeline"],
      metrics: { areaUnderROC_test: true },
      files: ["estimator_info.json", "metric_info.json", "model", "net"],
    }));

  it("logs a model that is registered and loaded again, as Spark's and as a function", () =>
    expect(seen).toMatchObject({ loaded: true, pyfunc: true }));

  it("logs a lone estimator with its dataset and model", () =>
    expect(seen).toMatchObject({ lone: ["3", ["code"]], lone_loaded: "LogisticRegressionModel" }));

  it("logs a search for parameters with a nested run for each", () => {
    const measured = ["areaUnderROC"];
    expect(seen).toMatchObject({
      children: [0, 0.1, 10],
      measured: [measured, measured, measured],
      best: expect.stringMatching(/^(0\.0|0\.1|10\.0)$/),
      search_files: ["best_parameters.json", "estimator_info.json", "search_results.csv"],
    });
  });

  it("finds the runs by what was logged", () =>
    expect(seen).toMatchObject({ found: ["lone"], found_by_metric: ["pipeline"] }));

  it("met no defect", () => expect(platform.defects).toEqual([]));
});
