import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import type { InvocationForm } from "../protocol/invocations.ts";
import type { TensorPort } from "../protocol/tensor.ts";
import { isObject } from "../protocol/v2.ts";

const MAX_BYTES = 1024 * 1024;

/**
 * What a model's MLflow signature adds to its inputs and outputs, from `MLmodel` in its folder: the names of the columns
 * that its matrix is made of, and whether its own flavour answers with values, as scikit-learn's does, where ONNX's
 * names every output. undefined when there is no such file, or none that can be read.
 */
export async function readInvocationForm(
  modelDir: string,
  outputs: readonly TensorPort[],
): Promise<InvocationForm | undefined> {
  const file = join(modelDir, "MLmodel");
  const found = await stat(file).catch(() => undefined);
  if (!found?.isFile() || found.size > MAX_BYTES) return undefined;
  try {
    // Most models of a worker have none, and needn't hold the parser.
    const { parse } = await import("../../base/yaml.ts");
    const model: unknown = parse(await readFile(file, "utf8"));
    if (!isObject(model)) return undefined;
    const columns = columnsOf(model["signature"]);
    const answer = isOnnx(model["flavors"]) ? undefined : outputs[0]?.name;
    return { ...(columns && { columns }), ...(answer !== undefined && { answer }) };
  } catch {
    return undefined;
  }
}

/** A signature of columns is JSON in YAML: `[{"type": "double", "name": "age", "required": true}]`. */
function columnsOf(signature: unknown): string[] | undefined {
  const inputs: unknown = isObject(signature) ? JSON.parse(String(signature["inputs"])) : undefined;
  if (!Array.isArray(inputs) || inputs.length === 0) return undefined;
  const names = (inputs as unknown[]).map((input) =>
    isObject(input) && input["type"] !== "tensor" ? input["name"] : undefined,
  );
  return names.every((name) => typeof name === "string") ? names : undefined;
}

function isOnnx(flavors: unknown): boolean {
  const python = isObject(flavors) ? flavors["python_function"] : undefined;
  return !isObject(python) || python["loader_module"] === "mlflow.onnx";
}
