import { isUtf8 } from "node:buffer";
import { bytesOf } from "../../base/bytes.ts";
import { nearest } from "../../spec/nearest.ts";
import { BadInput, shown } from "./bad-input.ts";
import { checkShape, elements, inputName, readTensor } from "./tensor.ts";
import type { ModelPorts, Tensor, TensorPort } from "./tensor.ts";

export interface InferRequest {
  /** In the model's order. */
  inputs: Tensor[];
  /** Indices of the outputs to answer with, in this order; undefined: all. */
  outputs: readonly number[] | undefined;
  id: string | undefined;
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

/** An Open Inference V2 request as tensors, checked against the model's ports; throws BadInput. */
export function readV2(body: Buffer, { inputs, outputs }: ModelPorts): InferRequest {
  const request = parseObject(body);
  const given = request["inputs"];
  if (!Array.isArray(given)) throw new BadInput(missingInputs(request, inputs));
  const tensors: Tensor[] = [];
  for (const input of given as unknown[]) {
    const index = portOf(input, inputs);
    const port = inputs[index] as TensorPort;
    if (tensors[index] !== undefined) throw new BadInput(`${inputName(port)} is given twice`);
    tensors[index] = readInput(input as Json, port);
  }
  for (let i = 0; i < inputs.length; i++)
    if (tensors[i] === undefined)
      throw new BadInput(
        `${inputName(inputs[i] as TensorPort)} is missing; the model takes ${names(inputs)}`,
      );
  const { id } = request;
  if (id !== undefined && typeof id !== "string")
    throw new BadInput(`\`id\` is ${shown(id)}, a string is needed`);
  return { inputs: tensors, outputs: readOutputs(request["outputs"], outputs), id };
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

function readInput(input: Json, port: TensorPort): Tensor {
  if (input["datatype"] !== port.datatype.name)
    throw new BadInput(
      `${inputName(port)}: its datatype is ${shown(input["datatype"])}, but the model takes ${port.datatype.name}`,
    );
  const { shape, data, parameters } = input;
  if (data === undefined && isObject(parameters) && parameters["binary_data_size"] !== undefined)
    throw new BadInput(`${inputName(port)}: binary data isn't supported; send \`data\` as JSON`, 501);
  if (!Array.isArray(shape))
    throw new BadInput(`${inputName(port)}: its shape is ${shown(shape)}, an array of sizes is needed`);
  checkShape(port, shape as unknown[]);
  return readTensor(port, data, shape);
}

function readOutputs(given: unknown, outputs: readonly TensorPort[]): number[] | undefined {
  if (given === undefined || (Array.isArray(given) && given.length === 0)) return undefined;
  if (!Array.isArray(given)) throw new BadInput(`\`outputs\` is ${shown(given)}, an array is needed`);
  const wanted: number[] = [];
  for (const output of given as unknown[]) {
    const name = isObject(output) ? output["name"] : undefined;
    if (typeof name !== "string") throw new BadInput(`${shown(output)} in \`outputs\` has no \`name\``);
    const index = outputs.findIndex((port) => port.name === name);
    if (index < 0)
      throw new BadInput(`output ${shown(name)} is unknown; ${didYouMean(name, outputs, "the model gives")}`);
    if (wanted.includes(index)) throw new BadInput(`output ${shown(name)} is asked for twice`);
    const parameters = (output as Json)["parameters"];
    if (isObject(parameters) && parameters["classification"] !== undefined)
      throw new BadInput("the classification extension isn't supported", 501);
    wanted.push(index);
  }
  return wanted;
}

function names(ports: readonly TensorPort[]): string {
  return ports.map((port) => JSON.stringify(port.name)).join(", ");
}

/** Writes Open Inference V2 answers of one model version. What is the same in all answers is made once. */
export class V2Writer {
  readonly #head: string;
  readonly #ports: readonly string[];
  readonly #all: readonly number[];

  constructor(model: string, version: number, outputs: readonly TensorPort[]) {
    this.#head = `{"model_name":${JSON.stringify(model)},"model_version":"${version}"`;
    this.#ports = outputs.map(
      ({ name, datatype }) => `{"name":${JSON.stringify(name)},"datatype":"${datatype.name}","shape":[`,
    );
    this.#all = outputs.map((_, index) => index);
  }

  write(request: InferRequest, outputs: readonly Tensor[]): string {
    let text = this.#head;
    if (request.id !== undefined) text += `,"id":${JSON.stringify(request.id)}`;
    text += ',"outputs":[';
    let separator = "";
    const wanted = request.outputs ?? this.#all;
    for (const index of wanted) {
      const { datatype, data, shape, start } = outputs[index] as Tensor;
      text += `${separator}${this.#ports[index]}${shape.join(",")}],"data":[${datatype.toJson(data, start, start + elements(shape))}]}`;
      separator = ",";
    }
    return `${text}]}`;
  }
}
