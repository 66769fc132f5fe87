import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { SlipwayError } from "../http/errors.ts";
import { datatypeNamed } from "./protocol/datatypes.ts";
import { elements, placeOf } from "./protocol/tensor.ts";
import type { Contract } from "./model-store.ts";

/** An example answered at training needn't be larger; it is read whole. */
const MAX_BYTES = 16 * 1024 * 1024;
const MAX_DIFFERENCES = 5;
const MAX_SHOWN_PROBLEMS = 5;
const ABSOLUTE = 1e-4;
const RELATIVE = 1e-3;

const HOW_TO_LOG = `Write it beside model.onnx at training and log both. Python: mlflow.log_dict({"request": {"inputs": [{"name": "x", "shape": list(x.shape), "datatype": "FP32", "data": x.ravel().tolist()}]}, "response": {"outputs": [{"name": "label", "shape": list(y.shape), "datatype": "INT64", "data": y.tolist()}]}}, "model/contract.json"). JavaScript: writeFileSync("model/contract.json", JSON.stringify({ request: { inputs }, response: { outputs } })).`;

const tensorSchema = z.looseObject({
  name: z.string().min(1),
  shape: z.array(z.int().min(1)),
  datatype: z.string(),
  data: z.array(z.unknown()),
});
const tolerance = z.number().min(0);
const contractSchema = z.looseObject({
  request: z.looseObject({ inputs: z.array(tensorSchema).min(1) }),
  response: z.looseObject({ outputs: z.array(tensorSchema).min(1) }),
  tolerance: z.strictObject({ absolute: tolerance.optional(), relative: tolerance.optional() }).optional(),
});

/** The contract that was made at registration: beside the folder, whose content never changes. */
export function madeContractFile(modelDir: string): string {
  return `${modelDir}.contract.json`;
}

/** `contract.json` of a model's folder, or the one made at registration. CONTRACT_MISSING or CONTRACT_INVALID says what to write, and where. */
export async function readContract(modelDir: string): Promise<Contract> {
  const logged = join(modelDir, "contract.json");
  const file = (await isFile(logged)) ? logged : madeContractFile(modelDir);
  const found = await stat(file).catch(() => undefined);
  if (!found?.isFile()) {
    throw new SlipwayError("CONTRACT_MISSING", "the model's folder has no contract.json", {
      where: "contract.json",
      hint: HOW_TO_LOG,
    });
  }
  if (found.size > MAX_BYTES) {
    throw invalid(`it has ${found.size} bytes, ${MAX_BYTES} are allowed`, "Log fewer rows as the example.");
  }
  return parseContract(await readFile(file, "utf8"));
}

function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}

/** The text of a contract; CONTRACT_INVALID with the place of each problem. */
export function parseContract(text: string): Contract {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const bare = /[[,:\s](-?Infinity|NaN)\b/.test(text)
      ? 'JSON has no NaN or infinity: write the strings "NaN", "Infinity", "-Infinity".'
      : undefined;
    throw invalid(`it isn't JSON: ${error instanceof Error ? error.message : String(error)}`, bare);
  }
  const parsed = contractSchema.safeParse(value);
  if (!parsed.success) {
    throw invalidAt(parsed.error.issues.map(({ path, message }) => `${pathText(path)}: ${message}`));
  }
  const contract = parsed.data as Contract;
  const problems = [
    ...contract.request.inputs.map((tensor, i) => problemOf(tensor, `request.inputs[${i}]`)),
    ...contract.response.outputs.map((tensor, i) => problemOf(tensor, `response.outputs[${i}]`)),
    ...twice(contract.request.inputs, "request.inputs"),
    ...twice(contract.response.outputs, "response.outputs"),
  ].filter((problem) => problem !== undefined);
  if (problems.length > 0) throw invalidAt(problems);
  return contract;
}

/** The body of the Open Inference V2 request that the contract records. */
export function requestBody(contract: Contract): string {
  return JSON.stringify(contract.request);
}

type RecordedTensor = Contract["response"]["outputs"][number];

/** A tensor's shape, datatype and data must agree; the first thing that doesn't. */
function problemOf({ shape, datatype, data }: RecordedTensor, where: string): string | undefined {
  const known = datatypeNamed(datatype);
  if (known === undefined) {
    return `${where}.datatype: ${JSON.stringify(datatype)} isn't one of Open Inference V2, such as FP32 or INT64`;
  }
  const values = flat(data);
  const count = elements(shape);
  if (values.length !== count) {
    return `${where}.data: shape ${JSON.stringify(shape)} has ${count} values, but ${values.length} are given`;
  }
  const bad = known.read(values, known.make(count), 0);
  return bad < 0 ? undefined : `${where}.data${placeOf(bad, shape)}: ${known.complaint(values[bad])}`;
}

function twice(tensors: readonly { name: string }[], where: string): string[] {
  return tensors.flatMap(({ name }, i) =>
    tensors.findIndex((other) => other.name === name) < i
      ? [`${where}[${i}].name: ${JSON.stringify(name)} is there twice`]
      : [],
  );
}

function flat(data: readonly unknown[]): unknown[] {
  return data.flat(Infinity);
}

function pathText(path: readonly PropertyKey[]): string {
  let text = "";
  for (const part of path) {
    if (typeof part === "number") text += `[${part}]`;
    else text += text === "" ? String(part) : `.${String(part)}`;
  }
  return text === "" ? "the whole" : text;
}

function invalid(message: string, hint?: string): SlipwayError {
  return new SlipwayError("CONTRACT_INVALID", `contract.json: ${message}`, {
    where: "contract.json",
    ...(hint === undefined ? {} : { hint }),
  });
}

function invalidAt(problems: readonly string[]): SlipwayError {
  const more = problems.length - MAX_SHOWN_PROBLEMS;
  return new SlipwayError(
    "CONTRACT_INVALID",
    `contract.json: ${problems.slice(0, MAX_SHOWN_PROBLEMS).join("; ")}${more > 0 ? `; and ${more} more` : ""}`,
    { where: "contract.json", details: { problems: problems.slice(0, 20) } },
  );
}

export type ContractComparison = { ok: true } | { ok: false; differences: string[] };

/**
 * Compares an answer with the recorded one: status 200, every recorded output with the same datatype and shape,
 * floats within the tolerance (NaN equals NaN only), all else equal. At most five differences are named.
 */
export function compareAnswer(contract: Contract, status: number, body: string): ContractComparison {
  if (status !== 200) {
    return { ok: false, differences: [`answered with status ${status}: ${errorIn(body)}`] };
  }
  const answered = outputsIn(body);
  if (answered === undefined) {
    return { ok: false, differences: [`answered with no Open Inference V2 body: ${body.slice(0, 200)}`] };
  }
  const differences: string[] = [];
  for (const recorded of contract.response.outputs) {
    const given = answered.find((output) => output["name"] === recorded.name);
    if (given === undefined) {
      const names = answered.map((output) => JSON.stringify(output["name"])).join(", ");
      differences.push(`output "${recorded.name}" is missing; answered were ${names || "none"}`);
    } else differences.push(...differencesOf(recorded, given, contract.tolerance ?? {}));
    if (differences.length >= MAX_DIFFERENCES) break;
  }
  return differences.length === 0
    ? { ok: true }
    : { ok: false, differences: differences.slice(0, MAX_DIFFERENCES) };
}

type Json = Record<string, unknown>;

function outputsIn(body: string): Json[] | undefined {
  let answer: unknown;
  try {
    answer = JSON.parse(body);
  } catch {
    return undefined;
  }
  const outputs = (answer as Json | null)?.["outputs"];
  return Array.isArray(outputs) && outputs.every((output) => typeof output === "object" && output !== null)
    ? (outputs as Json[])
    : undefined;
}

/** The protocol's own error in a body, or its beginning. */
function errorIn(body: string): string {
  try {
    const { error } = JSON.parse(body) as { error?: unknown };
    if (typeof error === "string") return error.slice(0, 500);
  } catch {
    // Shown as it is.
  }
  return body.slice(0, 200);
}

function differencesOf(
  recorded: RecordedTensor,
  given: Json,
  { absolute = ABSOLUTE, relative = RELATIVE }: NonNullable<Contract["tolerance"]>,
): string[] {
  const name = `output "${recorded.name}"`;
  if (given["datatype"] !== recorded.datatype)
    return [`${name}: expected datatype ${recorded.datatype}, got ${String(given["datatype"])}`];
  const shape = JSON.stringify(recorded.shape);
  if (JSON.stringify(given["shape"]) !== shape)
    return [`${name}: expected shape ${shape}, got ${JSON.stringify(given["shape"])}`];
  const expected = flat(recorded.data);
  const got = Array.isArray(given["data"]) ? flat(given["data"] as unknown[]) : [];
  if (got.length !== expected.length)
    return [`${name}: expected ${expected.length} values, got ${got.length}`];
  const isFloat = datatypeNamed(recorded.datatype)?.family === "float";
  const differences: string[] = [];
  for (let i = 0; i < expected.length && differences.length < MAX_DIFFERENCES; i++) {
    if (isFloat ? isClose(expected[i], got[i], absolute, relative) : expected[i] === got[i]) continue;
    differences.push(
      `${name}${placeOf(i, recorded.shape)}: expected ${JSON.stringify(expected[i])}, got ${JSON.stringify(got[i])}`,
    );
  }
  return differences;
}

/** |got - recorded| <= absolute + relative * |recorded|. The strings of what isn't finite must be equal. */
function isClose(recorded: unknown, got: unknown, absolute: number, relative: number): boolean {
  if (typeof recorded !== "number" || typeof got !== "number") return recorded === got;
  return Math.abs(got - recorded) <= absolute + relative * Math.abs(recorded);
}
