import { elements } from "../protocol/tensor.ts";
import type { Tensor } from "../protocol/tensor.ts";
import type { TensorData } from "../protocol/datatypes.ts";

export type Tensors = Map<string, Tensor>;

/** Rows of a request, or undefined when its inputs disagree: such a request runs alone. */
export function rowsOf(inputs: Tensors): number | undefined {
  let rows: number | undefined;
  for (const tensor of inputs.values()) {
    const own = tensor.shape[0];
    if (own === undefined || (rows !== undefined && own !== rows)) return undefined;
    rows = own;
  }
  return rows;
}

/** Requests may be joined when each input's shape behind the first dimension is the same. */
export function sameRowShape(a: Tensors, b: Tensors): boolean {
  for (const [name, tensor] of a) {
    const other = b.get(name);
    if (other === undefined || other.shape.length !== tensor.shape.length) return false;
    if (tensor.shape.some((size, index) => index > 0 && size !== other.shape[index])) return false;
  }
  return true;
}

/** One request with the rows of all, in order. */
export function joinRows(requests: readonly Tensors[]): Tensors {
  const [first] = requests;
  if (first === undefined || requests.length === 1) return first ?? new Map();
  const joined: Tensors = new Map();
  for (const [name, { datatype, shape }] of first) {
    const parts = requests.flatMap((request) => request.get(name) ?? []);
    const rows = parts.reduce((sum, part) => sum + (part.shape[0] ?? 0), 0);
    const whole = [rows, ...shape.slice(1)];
    joined.set(name, { datatype, shape: whole, data: joinData(datatype.make(elements(whole)), parts) });
  }
  return joined;
}

function joinData(room: TensorData, parts: readonly Tensor[]): TensorData {
  if (Array.isArray(room)) return parts.flatMap((part) => part.data as string[]);
  let offset = 0;
  for (const part of parts) {
    (room as Float32Array).set(part.data as Float32Array, offset);
    offset += part.data.length;
  }
  return room;
}

/**
 * The answer's rows given back to the requests they belong to; undefined when an output hasn't one row per row of
 * input, so that the model's first dimension wasn't one of rows after all.
 */
export function splitRows(outputs: Tensors, rows: readonly number[]): Tensors[] | undefined {
  const total = rows.reduce((sum, own) => sum + own, 0);
  for (const tensor of outputs.values()) if (tensor.shape[0] !== total) return undefined;
  let start = 0;
  return rows.map((own) => {
    const split: Tensors = new Map();
    for (const [name, { datatype, shape, data }] of outputs) {
      const size = elements(shape.slice(1));
      const part = data.slice(start * size, (start + own) * size) as TensorData;
      split.set(name, { datatype, shape: [own, ...shape.slice(1)], data: part });
    }
    start += own;
    return split;
  });
}
