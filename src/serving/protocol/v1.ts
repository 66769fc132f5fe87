import { BadInput, shown } from "./bad-input.ts";
import { checkShape, inputName, readTensor, rowToJson, tensorToJson } from "./tensor.ts";
import type { ModelPorts, Tensor, TensorPort } from "./tensor.ts";
import { isObject, parseObject } from "./v2.ts";
import type { InferRequest } from "./v2.ts";

const MAX_DEPTH = 16;

/**
 * An Open Inference V1 request: `instances` (or `inputs`) is a list of rows. A model with one input takes rows
 * as values or arrays; rows may be objects that name each input's row, and must be for several inputs.
 */
export function readV1(body: Buffer, ports: ModelPorts): InferRequest {
  const request = parseObject(body);
  const inputs = readRows(request["instances"] ?? request["inputs"], ports);
  return { inputs, outputs: undefined, id: undefined, binary: undefined };
}

/** The value of `instances` as tensors in the model's order. */
export function readRows(instances: unknown, { inputs }: ModelPorts): Tensor[] {
  if (!Array.isArray(instances))
    throw new BadInput(
      instances === undefined
        ? "`instances` is missing: an array of rows is needed"
        : `\`instances\` is ${shown(instances)}, an array of rows is needed`,
    );
  if (instances.length === 0) throw new BadInput("`instances` is empty");
  const rows = instances as unknown[];
  return inputs.map((port) => readColumn(columnOf(rows, port, inputs), port));
}

function columnOf(
  rows: readonly unknown[],
  port: TensorPort,
  inputs: readonly TensorPort[],
): readonly unknown[] {
  if (inputs.length === 1 && !isObject(rows[0])) return rows;
  return rows.map((row, index) => {
    if (!isObject(row))
      throw new BadInput(
        `instances[${index}] is ${shown(row)}; an object is needed that names ${inputs.map(({ name }) => JSON.stringify(name)).join(", ")}`,
      );
    const value = Object.hasOwn(row, port.name) ? row[port.name] : undefined;
    if (value === undefined)
      throw new BadInput(`instances[${index}]: ${inputName(port)} is missing in ${shown(row)}`);
    return value;
  });
}

/** Rows of one input, whose shape is the one that they have. */
export function readColumn(rows: readonly unknown[], port: TensorPort): Tensor {
  const shape = shapeOf(rows);
  // A model of shape [n, 1] is also called with plain values.
  if (port.shape?.length === 2 && port.shape[1] === 1 && shape.length === 1) shape.push(1);
  checkShape(port, shape);
  return readTensor(port, rows, shape);
}

/** Sizes along the first elements; whether the rest agrees is checked when the values are read. */
function shapeOf(value: unknown): number[] {
  const shape: number[] = [];
  for (let part = value; Array.isArray(part); part = (part as unknown[])[0]) {
    shape.push(part.length);
    if (shape.length > MAX_DEPTH) throw new BadInput(`the rows are nested deeper than ${MAX_DEPTH}`);
  }
  return shape;
}

/**
 * An Open Inference V1 answer: rows of the one output, or objects that name each output's row. Outputs that
 * aren't rows are given whole.
 */
export function writeV1(ports: readonly TensorPort[], outputs: readonly Tensor[]): string {
  const rows = outputs[0]?.shape[0] ?? 0;
  const areRows = outputs.every(({ shape }) => shape.length > 0 && shape[0] === rows);
  const only = outputs.length === 1 ? outputs[0] : undefined;
  if (!areRows)
    return `{"predictions":${only ? tensorToJson(only) : named(ports, (index) => tensorToJson(outputs[index] as Tensor))}}`;
  let text = "";
  for (let row = 0; row < rows; row++) {
    text += row === 0 ? "" : ",";
    text += only ? rowToJson(only, row) : named(ports, (index) => rowToJson(outputs[index] as Tensor, row));
  }
  return `{"predictions":[${text}]}`;
}

function named(ports: readonly TensorPort[], json: (index: number) => string): string {
  return `{${ports.map(({ name }, index) => `${JSON.stringify(name)}:${json(index)}`).join(",")}}`;
}
