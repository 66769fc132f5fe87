import { datatypeNamed } from "../../serving/protocol/datatypes.ts";
import { RawTensors } from "../../serving/protocol/raw.ts";
import { elements, readTensor } from "../../serving/protocol/tensor.ts";
import type { Tensor, TensorPort } from "../../serving/protocol/tensor.ts";
import { decodeBinary } from "../../serving/frames.ts";
import { addNothing, isObject } from "./value-columns.ts";
import type { ColumnCollector } from "./value-columns.ts";

/** The tensors of a V2 message, JSON or with raw ones behind it; throws what they can't be read by. */
export function tensorsOf(bytes: Buffer, isBinary: boolean, list: "inputs" | "outputs"): NamedTensor[] {
  const parts = isBinary ? decodeBinary(bytes) : { json: bytes, raw: Buffer.alloc(0) };
  if (parts === undefined) throw new RangeError("the message is cut off");
  const message: unknown = JSON.parse(parts.json.toString("utf8"));
  const given = isObject(message) ? message[list] : undefined;
  if (!Array.isArray(given)) throw new TypeError(`the message has no ${list}`);
  const raw = new RawTensors(parts.raw);
  return (given as unknown[]).map((one) => readNamed(one, raw));
}

export interface NamedTensor {
  name: string;
  tensor: Tensor;
}

function readNamed(given: unknown, raw: RawTensors): NamedTensor {
  const { name, shape, datatype, data, parameters } = isObject(given) ? given : {};
  const known = typeof datatype === "string" ? datatypeNamed(datatype) : undefined;
  if (typeof name !== "string" || known === undefined || !Array.isArray(shape))
    throw new TypeError("a tensor has no name, datatype or shape");
  const port: TensorPort = { name, datatype: known, shape: undefined };
  const sizes = shape as number[];
  const size = isObject(parameters) ? parameters["binary_data_size"] : undefined;
  const tensor = typeof size === "number" ? raw.take(port, size, sizes) : readTensor(port, data, sizes);
  return { name, tensor };
}

/** Adds tensors of shape [n] or [n, k] as columns. */
export function addTensors(collector: ColumnCollector, tensors: readonly NamedTensor[]): void {
  for (const { name, tensor } of tensors) {
    const [rows = 0, width] = tensor.shape;
    if (tensor.shape.length === 0 || tensor.shape.length > 2) return addNothing(collector);
    const values = Array.from({ length: elements(tensor.shape) }, (_, i) => plain(tensor, i));
    collector.add(name, width === undefined ? values : matrix(values, rows, width));
  }
}

function plain({ datatype, data, start }: Tensor, index: number): unknown {
  const value = datatype.plain(data, start + index);
  return datatype.family === "bool" ? value === 1 : value;
}

function matrix(values: readonly unknown[], rows: number, width: number): unknown[][] {
  return Array.from({ length: rows }, (_, row) => values.slice(row * width, (row + 1) * width));
}
