import { elements } from "../protocol/tensor.ts";
import type { TensorData } from "../protocol/datatypes.ts";
import type { Tensor } from "../protocol/tensor.ts";

/** Rows of a request, or 0 when its inputs disagree: such a request runs alone. */
export function rowsOf(inputs: readonly Tensor[]): number {
  const rows = inputs[0]?.shape[0] ?? 0;
  for (const tensor of inputs) if (tensor.shape[0] !== rows) return 0;
  return rows;
}

/** Requests may be joined when each input's shape behind the first dimension is the same. */
export function sameRowShape(a: readonly Tensor[], b: readonly Tensor[]): boolean {
  for (let i = 0; i < a.length; i++) {
    const one = a[i]?.shape ?? [];
    const other = b[i]?.shape ?? [];
    if (one.length !== other.length) return false;
    for (let axis = 1; axis < one.length; axis++) if (one[axis] !== other[axis]) return false;
  }
  return true;
}

/** The inputs of one inference with the rows of all requests, in order. Every request has `sameRowShape`. */
export function joinRows(requests: readonly (readonly Tensor[])[]): readonly Tensor[] {
  const [first = []] = requests;
  if (requests.length === 1) return first;
  let rows = 0;
  for (const request of requests) rows += request[0]?.shape[0] ?? 0;
  return first.map(({ datatype, shape }, input) => {
    const whole = [rows, ...shape.slice(1)];
    const data = datatype.make(elements(whole));
    let offset = 0;
    for (const request of requests) {
      const part = request[input] as Tensor;
      if (Array.isArray(data)) for (const text of part.data as string[]) data[offset++] = text;
      else {
        (data as Float32Array).set(part.data as Float32Array, offset);
        offset += part.data.length;
      }
    }
    return { datatype, shape: whole, data, start: 0 };
  });
}

/** True when every output has one row per row of input, so that rows can be given back. */
export function haveRows(outputs: readonly Tensor[], rows: number): boolean {
  for (const { shape } of outputs) if (shape[0] !== rows) return false;
  return true;
}

/** Some rows of an inference's outputs, sharing their memory. */
export function rowsFrom(outputs: readonly Tensor[], row: number, rows: number): Tensor[] {
  return outputs.map(({ datatype, shape, data, start }) => {
    const own = [rows, ...shape.slice(1)];
    return { datatype, shape: own, data, start: start + (row * elements(own)) / rows };
  });
}

/** The first `rows` rows, each as the inputs of an inference of its own. */
export function rowsApart(inputs: readonly Tensor[], rows: number): Tensor[][] {
  return Array.from({ length: rows }, (_, row) =>
    inputs.map(({ datatype, shape, data }) => {
      const own = [1, ...shape.slice(1)];
      const size = elements(own);
      return { datatype, shape: own, data: data.slice(row * size, (row + 1) * size) as TensorData, start: 0 };
    }),
  );
}
