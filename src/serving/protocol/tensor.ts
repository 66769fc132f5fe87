import { BadInput, shown } from "./bad-input.ts";
import type { Datatype, TensorData } from "./datatypes.ts";

export interface Tensor {
  datatype: Datatype;
  shape: readonly number[];
  data: TensorData;
  /** Index of its first element in `data`, which a joined inference shares among several answers. */
  start: number;
}

/** An input or output of a model: -1 is a dimension that the request chooses. */
export interface TensorPort {
  name: string;
  datatype: Datatype;
  /** undefined: the model doesn't say, any shape may come. */
  shape: readonly number[] | undefined;
  /** A column of a table, whose [n] values may also come as [n, 1]: clients write columns either way. */
  isColumn?: boolean;
}

/** What a model takes and gives, in its own order. */
export interface ModelPorts {
  inputs: readonly TensorPort[];
  outputs: readonly TensorPort[];
}

const MAX_DIMENSIONS = 16;

/** Elements of a shape. */
export function elements(shape: readonly number[]): number {
  let product = 1;
  for (const size of shape) product *= size;
  return product;
}

/** How an input is called in messages. */
export function inputName(port: TensorPort): string {
  return `input ${JSON.stringify(port.name)}`;
}

/** Throws BadInput unless the shape is one that the model takes. */
export function checkShape(port: TensorPort, given: readonly unknown[]): asserts given is readonly number[] {
  if (given.length > MAX_DIMENSIONS)
    throw new BadInput(`${inputName(port)}: ${given.length} dimensions, ${MAX_DIMENSIONS} are allowed`);
  for (const size of given)
    if (!Number.isSafeInteger(size) || (size as number) < 1)
      throw new BadInput(
        `${inputName(port)}: its shape is ${shown(given)}, but ${shown(size)} isn't a size: an integer from 1 is needed`,
      );
  const wanted = port.shape;
  if (wanted === undefined) return;
  let fits = given.length === wanted.length;
  for (let i = 0; fits && i < wanted.length; i++) fits = wanted[i] === -1 || wanted[i] === given[i];
  if (!fits && !(port.isColumn === true && given.length === 2 && given[1] === 1)) {
    const any = wanted.includes(-1) ? " (-1: any size)" : "";
    throw new BadInput(
      `${inputName(port)}: its shape is ${shown(given)}, but the model takes ${shown(wanted)}${any}`,
    );
  }
}

/** Flat or nested JSON data as a tensor of exactly this shape; throws BadInput naming the first bad place. */
export function readTensor(port: TensorPort, data: unknown, shape: readonly number[]): Tensor {
  const { datatype } = port;
  if (!Array.isArray(data))
    throw new BadInput(`${inputName(port)}: its \`data\` is ${shown(data)}, an array is needed`);
  const count = elements(shape);
  const isNested = Array.isArray(data[0]) && shape.length > 1;
  // Compared before memory is taken: a shape may claim any size.
  if (isNested) checkNesting(port, data, shape, 0);
  else if (data.length !== count)
    throw new BadInput(
      `${inputName(port)}: its shape ${shown(shape)} has ${count} values, but ${data.length} are given`,
    );
  const values = datatype.make(count);
  if (isNested) readNested(port, data, values, 0, shape, 0);
  else readLeaf(port, data, values, 0, undefined);
  return { datatype, shape, data: values, start: 0 };
}

function readNested(
  port: TensorPort,
  part: readonly unknown[],
  into: TensorData,
  at: number,
  shape: readonly number[],
  depth: number,
): number {
  if (depth === shape.length - 1) {
    readLeaf(port, part, into, at, shape);
    return at + part.length;
  }
  let next = at;
  for (const inner of part) next = readNested(port, inner as unknown[], into, next, shape, depth + 1);
  return next;
}

function readLeaf(
  port: TensorPort,
  values: readonly unknown[],
  into: TensorData,
  at: number,
  nestedShape: readonly number[] | undefined,
): void {
  const bad = port.datatype.read(values, into, at);
  if (bad < 0) return;
  const place = nestedShape === undefined ? `[${at + bad}]` : placeOf(at + bad, nestedShape);
  throw new BadInput(`${inputName(port)}: data${place}: ${port.datatype.complaint(values[bad])}`);
}

/** `[row][column]…` of an element. */
export function placeOf(index: number, shape: readonly number[]): string {
  let rest = index;
  let place = "";
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const size = shape[axis] ?? 1;
    place = `[${rest % size}]${place}`;
    rest = Math.floor(rest / size);
  }
  return place;
}

/** Down to, but without, the values themselves. */
function checkNesting(port: TensorPort, part: unknown, shape: readonly number[], depth: number): void {
  if (!Array.isArray(part) || part.length !== shape[depth]) {
    const found = Array.isArray(part) ? `${part.length} values` : shown(part);
    throw new BadInput(
      `${inputName(port)}: its shape ${shown(shape)} asks for ${shape[depth]} values at depth ${depth + 1} of \`data\`, but one place has ${found}`,
    );
  }
  if (depth === shape.length - 1) return;
  for (const inner of part as unknown[]) checkNesting(port, inner, shape, depth + 1);
}

/** One row of a tensor as JSON: a value, or nested arrays. */
export function rowToJson(tensor: Tensor, row: number): string {
  const inner = tensor.shape.slice(1);
  return nested(tensor, tensor.start + row * elements(inner), inner);
}

/** A whole tensor as nested JSON arrays. */
export function tensorToJson(tensor: Tensor): string {
  return nested(tensor, tensor.start, tensor.shape);
}

function nested(tensor: Tensor, start: number, shape: readonly number[]): string {
  const { datatype, data } = tensor;
  const [size] = shape;
  if (size === undefined) return datatype.toJson(data, start, start + 1);
  if (shape.length === 1) return `[${datatype.toJson(data, start, start + size)}]`;
  const rest = shape.slice(1);
  const step = elements(rest);
  let text = "";
  for (let i = 0; i < size; i++) text += (i === 0 ? "" : ",") + nested(tensor, start + i * step, rest);
  return `[${text}]`;
}
