import { isUtf8 } from "node:buffer";
import { bytesOf } from "../../base/bytes.ts";
import { nearest } from "../../spec/nearest.ts";
import { BadInput, shown } from "./bad-input.ts";
import type { RawTensors } from "./raw.ts";
import { checkShape, inputName, readTensor } from "./tensor.ts";
import type { ModelPorts, Tensor, TensorPort } from "./tensor.ts";

export interface InferRequest {
  /** In the model's order. */
  inputs: Tensor[];
  /** Indices of the outputs to answer with, in this order; undefined: all. */
  outputs: readonly number[] | undefined;
  id: string | undefined;
  /** Indices of the outputs that are asked for as raw tensors; undefined: none. */
  binary: "all" | readonly number[] | undefined;
  /** Of MLflow's invocations: the rows came as a data frame. */
  isTable?: boolean;
}

type Json = Record<string, unknown>;

/** The body as a JSON object, or BadInput. */
export function parseObject(body: Buffer): Json {
  if (!isUtf8(bytesOf(body))) throw new BadInput("the body isn't UTF-8");
  let value: unknown;
  try {
    value = JSON.parse(body.toString("utf8"));
  } catch (error) {
    const text = error instanceof Error ? error.message : "";
    throw new BadInput(`the body isn't JSON${bareNumber(body)}: ${text}`);
  }
  if (!isObject(value)) throw new BadInput(`the body is ${shown(value)}, an object is needed`);
  return value;
}

/** Python's json module writes these words, which no other reads. */
function bareNumber(body: Buffer): string {
  return /[[,:\s](-?Infinity|NaN)\b/.test(body.toString("latin1"))
    ? ' (NaN and infinity are written as the strings "NaN", "Infinity", "-Infinity")'
    : "";
}

export function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * An Open Inference V2 request as tensors, checked against the model's ports; throws BadInput. Parameters that aren't the
 * protocol's own are ignored, as the protocol has it.
 * @param raw the binary data behind the JSON, if the request has any
 */
export function readV2(body: Buffer, { inputs, outputs }: ModelPorts, raw?: RawTensors): InferRequest {
  const request = parseObject(body);
  const given = request["inputs"];
  if (!Array.isArray(given)) throw new BadInput(missingInputs(request, inputs));
  const tensors: Tensor[] = [];
  for (const input of given as unknown[]) {
    const index = portOf(input, inputs);
    const port = inputs[index] as TensorPort;
    if (tensors[index] !== undefined) throw new BadInput(`${inputName(port)} is given twice`);
    tensors[index] = readInput(input as Json, port, raw);
  }
  for (let i = 0; i < inputs.length; i++)
    if (tensors[i] === undefined)
      throw new BadInput(
        `${inputName(inputs[i] as TensorPort)} is missing; the model takes ${names(inputs)}`,
      );
  raw?.end();
  const { id } = request;
  if (id !== undefined && typeof id !== "string")
    throw new BadInput(`\`id\` is ${shown(id)}, a string is needed`);
  const isBinary = flag(request["parameters"], "binary_data_output", "the request") ?? false;
  const wanted = readOutputs(request["outputs"], outputs, isBinary);
  return { inputs: tensors, outputs: wanted.outputs, id, binary: wanted.binary };
}

/** A parameter of the protocol's own that is true or false. */
function flag(parameters: unknown, name: string, where: string): boolean | undefined {
  const value = parametersOf(parameters, where)?.[name];
  if (value !== undefined && typeof value !== "boolean")
    throw new BadInput(`${where}: parameter \`${name}\` is ${shown(value)}, true or false is needed`);
  return value;
}

function parametersOf(parameters: unknown, where: string): Json | undefined {
  if (parameters === undefined || parameters === null) return undefined;
  if (!isObject(parameters))
    throw new BadInput(`${where}: \`parameters\` is ${shown(parameters)}, an object is needed`);
  return parameters;
}

function missingInputs(request: Json, inputs: readonly TensorPort[]): string {
  const given = request["inputs"];
  if (given !== undefined) return `\`inputs\` is ${shown(given)}, an array of tensors is needed`;
  const isV1 = request["instances"] !== undefined;
  return `\`inputs\` is missing: the model takes ${names(inputs)}${isV1 ? " (`instances` belongs to Open Inference V1, …:predict)" : ""}`;
}

/** Index of the port that a tensor of the request names. */
function portOf(input: unknown, inputs: readonly TensorPort[]): number {
  const name = isObject(input) ? input["name"] : undefined;
  for (let i = 0; i < inputs.length; i++) if (inputs[i]?.name === name) return i;
  if (typeof name !== "string") throw new BadInput(`${shown(input)} in \`inputs\` has no \`name\``);
  throw new BadInput(`input ${shown(name)} is unknown; ${didYouMean(name, inputs, "the model takes")}`);
}

function didYouMean(name: string, ports: readonly TensorPort[], verb: string): string {
  const close = nearest(
    name,
    ports.map((port) => port.name),
  );
  return close === undefined
    ? `${verb} ${names(ports)}`
    : `did you mean ${JSON.stringify(close)}? (${verb} ${names(ports)})`;
}

function readInput(input: Json, port: TensorPort, raw: RawTensors | undefined): Tensor {
  if (input["datatype"] !== port.datatype.name)
    throw new BadInput(
      `${inputName(port)}: its datatype is ${shown(input["datatype"])}, but the model takes ${port.datatype.name}`,
    );
  const { shape, data, parameters } = input;
  if (!Array.isArray(shape))
    throw new BadInput(`${inputName(port)}: its shape is ${shown(shape)}, an array of sizes is needed`);
  checkShape(port, shape as unknown[]);
  const size = parameters === undefined ? undefined : binarySize(parameters, port);
  if (size === undefined) return readTensor(port, data, shape);
  if (data !== undefined)
    throw new BadInput(
      `${inputName(port)} has both \`data\` and \`binary_data_size\`; one of them is needed`,
    );
  if (raw === undefined)
    throw new BadInput(
      `${inputName(port)}: \`binary_data_size\` is ${size}, but the request has no binary data: the header Inference-Header-Content-Length says where the JSON ends`,
    );
  return raw.take(port, size, shape);
}

function binarySize(parameters: unknown, port: TensorPort): number | undefined {
  const size = parametersOf(parameters, inputName(port))?.["binary_data_size"];
  if (size === undefined) return undefined;
  if (!Number.isSafeInteger(size) || (size as number) < 0)
    throw new BadInput(
      `${inputName(port)}: \`binary_data_size\` is ${shown(size)}, a number of bytes is needed`,
    );
  return size as number;
}

const ALL_JSON = { outputs: undefined, binary: undefined };
const ALL_BINARY = { outputs: undefined, binary: "all" } as const;

/** @param isBinary what `binary_data_output` says for outputs that don't say it themselves */
function readOutputs(
  given: unknown,
  outputs: readonly TensorPort[],
  isBinary: boolean,
): Pick<InferRequest, "outputs" | "binary"> {
  if (given === undefined || given === null || (Array.isArray(given) && given.length === 0))
    return isBinary ? ALL_BINARY : ALL_JSON;
  if (!Array.isArray(given)) throw new BadInput(`\`outputs\` is ${shown(given)}, an array is needed`);
  const wanted: number[] = [];
  const binary: number[] = [];
  for (const output of given as unknown[]) {
    const name = isObject(output) ? output["name"] : undefined;
    if (typeof name !== "string") throw new BadInput(`${shown(output)} in \`outputs\` has no \`name\``);
    const index = outputs.findIndex((port) => port.name === name);
    if (index < 0)
      throw new BadInput(`output ${shown(name)} is unknown; ${didYouMean(name, outputs, "the model gives")}`);
    if (wanted.includes(index)) throw new BadInput(`output ${shown(name)} is asked for twice`);
    wanted.push(index);
    if (isAskedRaw((output as Json)["parameters"], name) ?? isBinary) binary.push(index);
  }
  return { outputs: wanted, binary: binary.length > 0 ? binary : undefined };
}

function isAskedRaw(parameters: unknown, name: string): boolean | undefined {
  const where = `output ${shown(name)}`;
  const classes = parametersOf(parameters, where)?.["classification"];
  // Zero is how a client says that it wants none.
  if (classes !== undefined && classes !== 0)
    throw new BadInput(
      `${where}: the classification extension isn't offered; ask for the tensor and take the largest of its values`,
      501,
    );
  return flag(parameters, "binary_data", where);
}

function names(ports: readonly TensorPort[]): string {
  return ports.map((port) => JSON.stringify(port.name)).join(", ");
}
