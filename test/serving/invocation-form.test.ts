import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { datatypeNamed } from "../../src/serving/protocol/datatypes.ts";
import type { Datatype } from "../../src/serving/protocol/datatypes.ts";
import { readInvocationForm } from "../../src/serving/worker/invocation-form.ts";

const OUTPUTS = [{ name: "label", datatype: datatypeNamed("INT64") as Datatype, shape: [-1] }];
const COLUMNS = `signature:
  inputs: '[{"type": "double", "name": "a b", "required": true}, {"type": "long", "name":
    "c", "required": true}]'
`;
const flavour = (loader: string) => `flavors:\n  python_function:\n    loader_module: ${loader}\n`;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "slipway-form-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("what MLflow's signature adds to a model", () => {
  it("is nothing where there is none", async () => {
    expect(await readInvocationForm(folder, OUTPUTS)).toBeUndefined();
  });

  it.each([
    ["columns of ONNX's own flavour", flavour("mlflow.onnx") + COLUMNS, { columns: ["a b", "c"] }],
    [
      "values of another flavour",
      flavour("mlflow.sklearn") + COLUMNS,
      { columns: ["a b", "c"], answer: "label" },
    ],
    ["tensors", `${flavour("mlflow.onnx")}signature:\n  inputs: '[{"type": "tensor", "name": "x"}]'\n`, {}],
    ["no signature", flavour("mlflow.onnx"), {}],
    ["a signature that isn't one", `${flavour("mlflow.onnx")}signature:\n  inputs: '['\n`, undefined],
    ["no YAML", "a: [", undefined],
  ])("is read: %s", async (_, text, form) => {
    await writeFile(join(folder, "MLmodel"), text);
    expect(await readInvocationForm(folder, OUTPUTS)).toEqual(form);
  });
});
