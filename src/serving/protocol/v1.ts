import { BadInput, shown } from "./bad-input.ts";
import { checkShape, readTensor, rowsToJson } from "./tensor.ts";
import type { Tensor, TensorPort } from "./tensor.ts";
import { isObject, parseObject } from "./v2.ts";
import type { InferRequest } from "./v2.ts";

/**
 * An Open Inference V1 request: `instances` (or `inputs`) is a list of rows. A model with one input takes rows
 * as arrays; one with several takes objects that name each input's row.
 */
export function readV1(
  body: Buffer,
  inputs: readonly TensorPort[],
  outputs: readonly TensorPort[],
): InferRequest {
  const request = parseObject(body);
  const instances = request.instances ?? request.inputs;
  if (!Array.isArray(instances)) throw new BadInput("`instances` is missing: an array of rows is needed");
  if (instances.length === 0) throw new BadInput("`instances` is empty");
  const rows = instances as unknown[];
  const tensors = new Map(
    inputs.map((port) => [port.name, readColumn(columnOf(rows, port, inputs.length), port)]),
  );
  return { inputs: tensors, outputs: outputs.map((port) => port.name) };
}

function columnOf(rows: readonly unknown[], port: TensorPort, inputs: number): readonly unknown[] {
  if (inputs === 1 && !isObject(rows[0])) return rows;
  return rows.map((row, index) => {
    if (!isObject(row) || row[port.name] === undefined)
      throw new BadInput(`instance ${index}: ${shown(row)} doesn't name input ${shown(port.name)}`);
    return row[port.name];
  });
}

function readColumn(rows: readonly unknown[], port: TensorPort): Tensor {
  const at = `input ${shown(port.name)}`;
  const shape = shapeOf(rows);
  // A model of shape [n, 1] is also called with plain values.
  const wanted = port.shape;
  if (wanted?.length === 2 && wanted[1] === 1 && shape.length === 1) shape.push(1);
  checkShape(at, shape, port);
  return readTensor(
    at,
    shape.length === 2 && !Array.isArray(rows[0]) ? rows.map((row) => [row]) : rows,
    shape,
    port.datatype,
  );
}

/** Sizes along the first elements; whether the rest agrees is checked when the values are read. */
function shapeOf(value: unknown): number[] {
  const shape: number[] = [];
  for (let part = value; Array.isArray(part); part = (part as unknown[])[0]) {
    shape.push(part.length);
    if (shape.length > 16) throw new BadInput("the rows are nested too deep");
  }
  return shape;
}

/** An Open Inference V1 answer: rows of the one output, or objects that name each output's row. */
export function writeV1(request: InferRequest, outputs: ReadonlyMap<string, Tensor>): string {
  const columns = request.outputs.map((name) => {
    const tensor = outputs.get(name);
    if (tensor === undefined) throw new Error(`the model gave no output ${name}`);
    return { name, tensor };
  });
  const rows = columns[0]?.tensor.shape[0] ?? 0;
  if (columns.some(({ tensor }) => tensor.shape[0] !== rows))
    throw new BadInput("this model's outputs aren't rows; call it by Open Inference V2", 501);
  const only = columns.length === 1 ? columns[0] : undefined;
  const predictions = Array.from({ length: rows }, (_, row) =>
    only === undefined
      ? `{${columns.map(({ name, tensor }) => `${JSON.stringify(name)}:${rowsToJson(tensor, row)}`).join(",")}}`
      : rowsToJson(only.tensor, row),
  );
  return `{"predictions":[${predictions.join(",")}]}`;
}
