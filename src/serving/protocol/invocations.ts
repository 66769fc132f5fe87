import { isUtf8 } from "node:buffer";
import { bytesOf } from "../../base/bytes.ts";
import { nearest } from "../../spec/nearest.ts";
import { BadInput, shown } from "./bad-input.ts";
import { readTable, tableOfCsv, tableOfRecords, tableOfSplit } from "./table.ts";
import type { Table } from "./table.ts";
import { elements, rowToJson, tensorToJson } from "./tensor.ts";
import type { ModelPorts, Tensor, TensorPort } from "./tensor.ts";
import { readColumn, readRows } from "./v1.ts";
import { isObject, parseObject } from "./v2.ts";
import type { InferRequest } from "./v2.ts";

/** What MLflow knows of a model beyond its inputs and outputs. */
export interface InvocationForm {
  /** Names of the columns that make up the one input, in its order, from the model's signature. */
  readonly columns?: readonly string[];
  /** Name of the output that is the answer, for a model whose own flavour answers with values instead of named outputs. */
  readonly answer?: string;
}

const FORMATS = ["dataframe_split", "dataframe_records", "instances", "inputs"] as const;
const UNSUPPORTED_MEDIA_TYPE = 415;

/** A body of MLflow's scoring server (`POST /invocations`) as tensors; throws BadInput. */
export function readInvocation(
  mediaType: string,
  bytes: Buffer,
  ports: ModelPorts,
  form: InvocationForm | undefined,
): InferRequest {
  const type = checkMediaType(mediaType);
  if (type === "text/csv") {
    if (!isUtf8(bytesOf(bytes))) throw new BadInput("the body isn't UTF-8");
    return fromTable(tableOfCsv(bytes.toString("utf8")), ports, form);
  }
  const body = parseObject(bytes);
  const given = FORMATS.filter((format) => Object.hasOwn(body, format));
  const [format] = given;
  if (format === undefined || given.length > 1)
    throw new BadInput(
      `the body has ${given.length === 0 ? shown(Object.keys(body)) : given.join(" and ")}; exactly one of ${FORMATS.join(", ")} is needed`,
    );
  const value = body[format];
  switch (format) {
    case "dataframe_split":
      return fromTable(tableOfSplit(value), ports, form);
    case "dataframe_records":
      return fromTable(tableOfRecords(value), ports, form);
    case "instances":
      return fromInstances(value, ports, form);
    case "inputs":
      return request(readInputs(value, ports.inputs), false);
  }
}

/** As MLflow's scoring server has it: JSON or CSV, UTF-8, no other parameters. No media type at all is JSON. */
function checkMediaType(mediaType: string): "text/csv" | "application/json" {
  const [type = "", ...parameters] = mediaType.split(";").map((part) => part.trim().toLowerCase());
  for (const parameter of parameters) {
    const [name, value] = parameter.split("=");
    if (name !== "charset")
      throw new BadInput(`unrecognised content type parameter ${shown(name)}`, UNSUPPORTED_MEDIA_TYPE);
    if (value?.replaceAll('"', "") !== "utf-8")
      throw new BadInput("the scoring protocol is UTF-8 only", UNSUPPORTED_MEDIA_TYPE);
  }
  if (type === "text/csv") return type;
  if (type === "application/json" || type === "") return "application/json";
  throw new BadInput(
    `the content type is ${shown(type)}; application/json or text/csv is needed`,
    UNSUPPORTED_MEDIA_TYPE,
  );
}

function request(inputs: Tensor[], isTable: boolean): InferRequest {
  return { inputs, outputs: undefined, id: undefined, binary: undefined, isTable };
}

function fromTable(table: Table, { inputs }: ModelPorts, form: InvocationForm | undefined): InferRequest {
  return request(readTable(table, inputs, form?.columns), true);
}

/** Rows as values or objects; objects that name columns instead of the model's one input are a table. */
function fromInstances(value: unknown, ports: ModelPorts, form: InvocationForm | undefined): InferRequest {
  const [only] = ports.inputs;
  const [first] = Array.isArray(value) ? (value as unknown[]) : [];
  const isNamed = isObject(first) && ports.inputs.length === 1 && !Object.hasOwn(first, only?.name ?? "");
  if (isNamed) return request(readTable(tableOfRecords(value), ports.inputs, form?.columns), false);
  return request(readRows(value, ports), false);
}

/** Tensors whole: of the one input, or by name. */
function readInputs(value: unknown, ports: readonly TensorPort[]): Tensor[] {
  const [only] = ports;
  if (Array.isArray(value) && only !== undefined && ports.length === 1)
    return [readColumn(value as unknown[], only)];
  const names = ports.map(({ name }) => name);
  if (!isObject(value))
    throw new BadInput(`\`inputs\` is ${shown(value)}; an object is needed that names ${shown(names)}`);
  for (const name of Object.keys(value))
    if (!names.includes(name)) {
      const close = nearest(name, names);
      throw new BadInput(
        `input ${shown(name)} is unknown; ${close === undefined ? `the model takes ${shown(names)}` : `did you mean ${shown(close)}?`}`,
      );
    }
  return ports.map((port) => {
    const tensor = Object.hasOwn(value, port.name) ? value[port.name] : undefined;
    if (!Array.isArray(tensor))
      throw new BadInput(
        `input ${shown(port.name)} is ${tensor === undefined ? "missing" : shown(tensor)}; an array is needed`,
      );
    return readColumn(tensor as unknown[], port);
  });
}

/**
 * `{"predictions": …}` as MLflow's flavours answer: to a data frame one record per row that names each output, to
 * tensors each output whole by its name; values alone where the model's own flavour gives them.
 */
export function writeInvocation(
  ports: readonly TensorPort[],
  outputs: readonly Tensor[],
  isTable: boolean,
  form: InvocationForm | undefined,
): string {
  const answer = form?.answer === undefined ? -1 : ports.findIndex(({ name }) => name === form.answer);
  if (answer >= 0) return `{"predictions":${whole(outputs[answer] as Tensor)}}`;
  const rows = outputs[0]?.shape[0] ?? 0;
  const areRows = outputs.every(({ shape }) => shape.length > 0 && shape[0] === rows);
  if (!isTable || !areRows) {
    const named = ports.map(
      ({ name }, index) => `${JSON.stringify(name)}:${tensorToJson(outputs[index] as Tensor)}`,
    );
    return `{"predictions":{${named.join(",")}}}`;
  }
  const keys = ports.map(({ name }) => JSON.stringify(name));
  let text = "";
  for (let row = 0; row < rows; row++) {
    const record = outputs.map((output, index) => `${keys[index]}:${cell(output, row)}`);
    text += `${row === 0 ? "" : ","}{${record.join(",")}}`;
  }
  return `{"predictions":[${text}]}`;
}

/** A column's value stands alone: a data frame has no arrays of one. */
function cell(output: Tensor, row: number): string {
  const { datatype, data, shape, start } = output;
  return elements(shape) === shape[0]
    ? datatype.toJson(data, start + row, start + row + 1)
    : rowToJson(output, row);
}

function whole(output: Tensor): string {
  const { datatype, data, shape, start } = output;
  const isColumn = shape.length === 2 && shape[1] === 1;
  return isColumn ? `[${datatype.toJson(data, start, start + elements(shape))}]` : tensorToJson(output);
}
