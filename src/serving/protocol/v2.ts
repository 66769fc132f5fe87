import { BadInput, shown } from "./bad-input.ts";
import { checkShape, readTensor } from "./tensor.ts";
import type { Tensor, TensorPort } from "./tensor.ts";

export interface InferRequest {
  inputs: Map<string, Tensor>;
  /** Names of the outputs to answer with, in this order. */
  outputs: string[];
  id?: string;
}

type Json = Record<string, unknown>;

/** The body as a JSON object, or BadInput. */
export function parseObject(body: Buffer): Json {
  let value: unknown;
  try {
    value = JSON.parse(body.toString("utf8"));
  } catch (error) {
    const why = error instanceof Error ? error.message : "";
    throw new BadInput(`the body isn't JSON (NaN and Infinity aren't either): ${why}`);
  }
  if (!isObject(value)) throw new BadInput(`the body is ${shown(value)}, an object is needed`);
  return value;
}

export function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** An Open Inference V2 request as tensors, checked against the model's ports; throws BadInput. */
export function readV2(
  body: Buffer,
  inputs: readonly TensorPort[],
  outputs: readonly TensorPort[],
): InferRequest {
  const request = parseObject(body);
  if (!Array.isArray(request.inputs))
    throw new BadInput("`inputs` is missing: an array of tensors is needed");
  refuseBinary(request.parameters, "binary_data_output");
  const tensors = new Map<string, Tensor>();
  for (const input of request.inputs as unknown[]) {
    if (!isObject(input) || typeof input.name !== "string")
      throw new BadInput(`inputs: ${shown(input)} has no \`name\``);
    const port = inputs.find((candidate) => candidate.name === input.name);
    if (port === undefined)
      throw new BadInput(`input ${shown(input.name)} is unknown; the model takes ${names(inputs)}`);
    if (tensors.has(port.name)) throw new BadInput(`input ${shown(port.name)} is given twice`);
    tensors.set(port.name, readInput(input, port));
  }
  const missing = inputs.filter((port) => !tensors.has(port.name));
  if (missing.length > 0) throw new BadInput(`missing: input ${names(missing)}`);
  const wanted = readOutputs(request.outputs, outputs);
  if (request.id !== undefined && typeof request.id !== "string")
    throw new BadInput(`id is ${shown(request.id)}, a string is needed`);
  return { inputs: tensors, outputs: wanted, ...(request.id === undefined ? {} : { id: request.id }) };
}

function readInput(input: Json, port: TensorPort): Tensor {
  const at = `input ${shown(port.name)}`;
  refuseBinary(input.parameters, "binary_data_size");
  if (input.datatype !== port.datatype.name)
    throw new BadInput(
      `${at}: its datatype is ${shown(input.datatype)}, but the model takes ${port.datatype.name}`,
    );
  if (!Array.isArray(input.shape))
    throw new BadInput(`${at}: its shape is ${shown(input.shape)}, an array is needed`);
  const shape = input.shape as number[];
  checkShape(at, shape, port);
  return readTensor(at, input.data, shape, port.datatype);
}

function readOutputs(given: unknown, outputs: readonly TensorPort[]): string[] {
  if (given === undefined || (Array.isArray(given) && given.length === 0))
    return outputs.map((port) => port.name);
  if (!Array.isArray(given)) throw new BadInput(`outputs is ${shown(given)}, an array is needed`);
  return (given as unknown[]).map((output) => {
    const name = isObject(output) ? output.name : undefined;
    if (!outputs.some((port) => port.name === name))
      throw new BadInput(`output ${shown(name)} is unknown; the model gives ${names(outputs)}`);
    if (isObject(output)) {
      refuseBinary(output.parameters, "binary_data");
      if (isObject(output.parameters) && output.parameters.classification !== undefined)
        throw new BadInput("the classification extension isn't supported", 501);
    }
    return name as string;
  });
}

function refuseBinary(parameters: unknown, key: string): void {
  if (isObject(parameters) && parameters[key] !== undefined && parameters[key] !== false)
    throw new BadInput("the binary data extension isn't supported; send and ask for JSON data", 501);
}

function names(ports: readonly TensorPort[]): string {
  return ports.map((port) => JSON.stringify(port.name)).join(", ");
}

/** An Open Inference V2 answer. */
export function writeV2(
  model: string,
  version: number,
  request: InferRequest,
  outputs: ReadonlyMap<string, Tensor>,
): string {
  const parts = request.outputs.map((name) => {
    const tensor = outputs.get(name);
    if (tensor === undefined) throw new Error(`the model gave no output ${name}`);
    const data = tensor.datatype.toJson(tensor.data, 0, tensor.data.length);
    return `{"name":${JSON.stringify(name)},"shape":[${tensor.shape.join(",")}],"datatype":"${tensor.datatype.name}","data":[${data}]}`;
  });
  const id = request.id === undefined ? "" : `"id":${JSON.stringify(request.id)},`;
  return `{"model_name":${JSON.stringify(model)},"model_version":"${version}",${id}"outputs":[${parts.join(",")}]}`;
}
