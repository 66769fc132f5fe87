import { BadInput, shown } from "./bad-input.ts";
import type { Datatype, TensorData } from "./datatypes.ts";

export interface Tensor {
  datatype: Datatype;
  shape: number[];
  data: TensorData;
}

/** An input or output of a model: -1 is a dimension that the request chooses. */
export interface TensorPort {
  name: string;
  datatype: Datatype;
  /** undefined: the model doesn't say, any shape may come. */
  shape: number[] | undefined;
}

/** Elements of a shape. */
export function elements(shape: readonly number[]): number {
  let product = 1;
  for (const size of shape) product *= size;
  return product;
}

/** Throws BadInput unless the shape is one that the model takes. `at` names the input in the message. */
export function checkShape(at: string, given: readonly number[], port: TensorPort): void {
  for (const size of given)
    if (!Number.isSafeInteger(size) || size < 1)
      throw new BadInput(`${at}: ${shown(size)} in its shape isn't a size`);
  const wanted = port.shape;
  if (wanted === undefined) return;
  const fits =
    given.length === wanted.length && wanted.every((size, index) => size === -1 || size === given[index]);
  if (!fits) throw new BadInput(`${at}: its shape is ${shown(given)}, but the model takes ${shown(wanted)}`);
}

/** Flat or nested JSON data as a tensor of exactly this shape; throws BadInput naming the first bad place. */
export function readTensor(at: string, data: unknown, shape: readonly number[], datatype: Datatype): Tensor {
  if (!Array.isArray(data)) throw new BadInput(`${at}: its data is ${shown(data)}, an array is needed`);
  const count = elements(shape);
  const isNested = Array.isArray(data[0]);
  // Compared before memory is taken: a shape may claim any size.
  if (!isNested && data.length !== count)
    throw new BadInput(`${at}: ${data.length} values, but its shape ${shown(shape)} has ${count}`);
  if (isNested && data.length !== shape[0])
    throw new BadInput(`${at}: ${data.length} rows, but its shape is ${shown(shape)}`);
  if (isNested) checkNesting(at, data, shape, 0);
  const values = datatype.make(count);
  let index = 0;
  const fill = (part: readonly unknown[], depth: number): void => {
    for (const value of part) {
      if (isNested && depth < shape.length - 1) fill(value as unknown[], depth + 1);
      else index = writeValue(at, datatype, values, index, value);
    }
  };
  fill(data, 0);
  return { datatype, shape: [...shape], data: values };
}

function writeValue(
  at: string,
  datatype: Datatype,
  values: TensorData,
  index: number,
  value: unknown,
): number {
  try {
    datatype.write(values, index, value);
  } catch (error) {
    if (error instanceof BadInput) throw new BadInput(`${at}: value ${index}: ${error.message}`);
    throw error;
  }
  return index + 1;
}

function checkNesting(at: string, part: unknown, shape: readonly number[], depth: number): void {
  if (depth === shape.length) {
    if (Array.isArray(part))
      throw new BadInput(`${at}: its data is nested deeper than its shape ${shown(shape)}`);
    return;
  }
  if (!Array.isArray(part) || part.length !== shape[depth]) {
    const found = Array.isArray(part) ? `${part.length} values` : shown(part);
    throw new BadInput(
      `${at}: ${found} at depth ${depth + 1}, but its shape is ${shown(shape)} (ragged data?)`,
    );
  }
  for (const inner of part) checkNesting(at, inner, shape, depth + 1);
}

/** A tensor's data from the first to the last row as nested JSON, each row an item. */
export function rowsToJson(tensor: Tensor, row: number): string {
  const inner = tensor.shape.slice(1);
  const size = elements(inner);
  const nest = (start: number, shape: readonly number[]): string => {
    if (shape.length === 0) return tensor.datatype.toJson(tensor.data, start, start + 1);
    const [, ...rest] = shape;
    if (rest.length === 0) return `[${tensor.datatype.toJson(tensor.data, start, start + (shape[0] ?? 0))}]`;
    const step = elements(rest);
    return `[${Array.from({ length: shape[0] ?? 0 }, (_, i) => nest(start + i * step, rest)).join(",")}]`;
  };
  return nest(row * size, inner);
}
