import { stat } from "node:fs/promises";
import { isAbsolute, join, normalize } from "node:path";
import { SlipwayError } from "../../http/errors.ts";
import { DATATYPE_NAMES } from "../protocol/datatypes.ts";
import { readOnnxFile } from "./onnx-file.ts";
import type { ExternalData, OnnxFile, OnnxPort } from "./onnx-file.ts";

/** Of the ONNX Runtime that workers load models with; a test asks it. */
export const NEWEST = {
  ir: 13,
  opsets: new Map([
    ["ai.onnx", 26],
    ["ai.onnx.ml", 5],
  ]),
} as const;

/** TensorProto.DataType by number. */
const ELEMENTS = [
  "undefined",
  "float",
  "uint8",
  "int8",
  "uint16",
  "int16",
  "int32",
  "int64",
  "string",
  "bool",
  "float16",
  "double",
  "uint32",
  "uint64",
  "complex64",
  "complex128",
  "bfloat16",
  "float8e4m3fn",
  "float8e4m3fnuz",
  "float8e5m2",
  "float8e5m2fnuz",
  "uint4",
  "int4",
  "float4e2m1",
  "float8e8m0",
  "uint2",
  "int2",
];
/** Those that Open Inference has a datatype for: float to uint64. */
const SERVED = { first: 1, last: 13 };
const MAX_NAMED = 5;

/**
 * Refuses an ONNX file that no worker could load, before one tries: MODEL_OPSET, MODEL_UNSUPPORTED_TYPE,
 * MODEL_EXTERNAL_DATA. What isn't an ONNX file at all is left to the runtime, which says so.
 * @param folder where its external data must lie
 */
export async function checkOnnx(folder: string, file: string): Promise<void> {
  const model = await readOnnxFile(join(folder, file));
  if (model === undefined) return;
  checkVersions(model);
  for (const port of model.inputs) checkPort("input", port);
  for (const port of model.outputs) checkPort("output", port);
  await checkExternal(folder, model.external);
}

function checkVersions({ irVersion, opsets }: OnnxFile): void {
  if (irVersion > NEWEST.ir) throw tooNew(`ONNX IR version ${irVersion}`, irVersion, NEWEST.ir);
  for (const [domain, version] of opsets) {
    const newest = NEWEST.opsets.get(domain);
    if (newest !== undefined && version > newest)
      throw tooNew(`opset ${version} of ${domain}`, version, newest);
  }
}

function tooNew(what: string, given: number, newest: number): SlipwayError {
  return new SlipwayError(
    "MODEL_OPSET",
    `the model is written in ${what}; the ONNX Runtime that would serve it knows up to ${newest}`,
    { given: String(given), allowed: `up to ${newest}` },
  );
}

function checkPort(side: "input" | "output", { name, kind, element }: OnnxPort): void {
  const where = `${side} ${JSON.stringify(name)}`;
  // An output's type may be left to the runtime to infer.
  if (kind === "none" || (kind === "tensor" && element === 0)) {
    if (side === "output") return;
    throw new SlipwayError("MODEL_UNSUPPORTED_TYPE", `${where} of the model says no type`, {
      where,
      allowed: DATATYPE_NAMES.join(", "),
      hint: "Export the model with typed inputs, such as tensor(float).",
    });
  }
  if (kind !== "tensor")
    throw new SlipwayError("MODEL_UNSUPPORTED_TYPE", `${where} of the model is a ${kind}, not a tensor`, {
      where,
      allowed: "tensors",
    });
  if (element >= SERVED.first && element <= SERVED.last) return;
  const type = ELEMENTS[element] ?? `of number ${element}`;
  throw new SlipwayError("MODEL_UNSUPPORTED_TYPE", `${where} of the model has type ${type}`, {
    where,
    given: type,
    allowed: DATATYPE_NAMES.join(", "),
    hint: "Let the model cast it to a type that Open Inference V2 knows.",
  });
}

/** Every file of weights must lie below the folder, with as many bytes as the model reads from it. */
async function checkExternal(folder: string, external: readonly ExternalData[]): Promise<void> {
  const needed = new Map<string, number>();
  for (const { location, offset, length } of external)
    needed.set(location, Math.max(needed.get(location) ?? 0, offset + length));
  const missing: string[] = [];
  for (const [location, bytes] of needed) {
    const path = normalize(location);
    if (location === "" || isAbsolute(path) || path.startsWith(".."))
      throw externalError(
        `its weights lie in ${JSON.stringify(location)}, which isn't below the model's folder`,
      );
    const found = await stat(join(folder, path)).catch(() => undefined);
    if (!found?.isFile()) missing.push(location);
    else if (found.size < bytes)
      throw externalError(`its weights in ${location} need ${bytes} bytes, but the file has ${found.size}`);
  }
  if (missing.length === 0) return;
  const more = missing.length - MAX_NAMED;
  const named = `${missing.slice(0, MAX_NAMED).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
  throw externalError(`its weights lie in ${named}, which wasn't logged beside it`);
}

function externalError(message: string): SlipwayError {
  return new SlipwayError("MODEL_EXTERNAL_DATA", `the ONNX model is incomplete: ${message}`);
}
