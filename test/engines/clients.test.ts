import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runMlflowScript } from "../tracking/mlflow-script.ts";
import { startPlatform, type TestPlatform } from "../tracking/platform.ts";
// @ts-expect-error a plain module, shared with the tools that run without a build
import { ensureEnginePython, ensurePython } from "../../tools/python.mjs";

const newest = ensurePython as () => string;
const old = (name: string) => (): string => (ensureEnginePython as (name: string) => string)(name);

/** What docs/guides/mlflow.md claims: the first client of mlflow 2, the first one that knows aliases, and the newest. */
describe.each([
  { python: old("mlflow-2.0"), version: "2.0.1", hasAliases: false },
  { python: old("mlflow-2.3"), version: "2.3.0", hasAliases: true },
  { python: newest, version: "3.17.2", hasAliases: true },
])("the mlflow client $version", ({ python, version, hasAliases }) => {
  let platform: TestPlatform;
  let seen: Record<string, unknown>;

  beforeAll(async () => {
    platform = await startPlatform();
    seen = await runMlflowScript(platform, "engines/python/training_script", {}, { python: python() });
  });
  afterAll(() => platform?.close());

  it("is the one that is claimed", () => expect(seen["version"]).toBe(version));

  it("logs runs and nested runs, and finds them by pages", () =>
    expect(seen).toMatchObject({
      again: true,
      run: ["parent", "FINISHED", { a: "1", b: "two" }, "red"],
      changed_param: "INVALID_PARAMETER_VALUE",
      metrics: { accuracy: "0.9", loss: "0.3333333333333333", nan: "nan" },
      history: [
        [0, 1],
        [1, 1 / 2],
        [2, 1 / 3],
      ],
      pages: [["child-2", "child-1", "child-0"], 2],
      frame: ["parent"],
      experiments: [["more-0", "more-1", "more-2"], ["more-3"]],
      deleted: "deleted",
    }));

  it("moves artifacts up and down", () =>
    expect(seen).toMatchObject({ files: ["d", "many"], binary: true, text: "hello" }));

  it("logs, registers and loads a model with its signature and example", () =>
    expect(seen).toMatchObject({
      versions: ["2", "1"],
      version_1: [{ k: "v" }, "first", true, "READY"],
      latest: [
        ["1", "None"],
        ["2", "Staging"],
      ],
      loads: hasAliases ? [true, true, true, true] : [true, true, true],
      signature: [4, true],
      models: [["name-0", "name-1", "name-2"], ["name-3"]],
      missing: "RESOURCE_DOES_NOT_EXIST",
    }));

  it("knows aliases, if its version does", () =>
    expect(seen["alias"]).toEqual(hasAliases ? ["1", { best: "1" }] : undefined));

  it("logs a search for parameters by itself, with nested runs and the best model", () =>
    expect(seen).toMatchObject({ grid: [4, ["best_C", "best_tol"]], best: true }));

  it("met no defect", () => expect(platform.defects).toEqual([]));
});
