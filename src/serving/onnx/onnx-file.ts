import { open } from "node:fs/promises";
import { WireReader } from "./wire-reader.ts";
import type { Field } from "./wire-reader.ts";

/** What can be known of an ONNX file without a runtime. */
export interface OnnxFile {
  irVersion: number;
  /** Version by domain; "ai.onnx" for the one without a name. */
  opsets: Map<string, number>;
  inputs: OnnxPort[];
  outputs: OnnxPort[];
  /** Weights that lie in files of their own, as they are named in it. */
  external: ExternalData[];
}

export interface OnnxPort {
  name: string;
  kind: "tensor" | "sequence" | "map" | "optional" | "sparse tensor" | "none";
  /** TensorProto.DataType of a tensor. */
  element: number;
}

export interface ExternalData {
  tensor: string;
  location: string;
  offset: number;
  /** 0: up to the end of the file. */
  length: number;
}

// Numbers of fields in onnx.proto (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto).
const MODEL = { irVersion: 1, graph: 7, opset: 8 };
const OPSET = { domain: 1, version: 2 };
const GRAPH = { initializer: 5, input: 11, output: 12 };
const VALUE = { name: 1, type: 2 };
const KINDS = new Map<number, OnnxPort["kind"]>([
  [1, "tensor"],
  [4, "sequence"],
  [5, "map"],
  [8, "sparse tensor"],
  [9, "optional"],
]);
const TENSOR = { name: 8, externalData: 13, dataLocation: 14 };
const ENTRY = { key: 1, value: 2 };
const EXTERNAL = 1;

/** Reads the head of an ONNX file; undefined for a file that isn't one. */
export async function readOnnxFile(path: string): Promise<OnnxFile | undefined> {
  const file = await open(path, "r");
  try {
    const { size } = await file.stat();
    return await readModel(new WireReader(file), size);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  } finally {
    await file.close();
  }
}

async function readModel(reader: WireReader, size: number): Promise<OnnxFile | undefined> {
  const model: OnnxFile = { irVersion: 0, opsets: new Map(), inputs: [], outputs: [], external: [] };
  let hasGraph = false;
  for await (const field of reader.fields(0, size)) {
    if (field.number === MODEL.irVersion) model.irVersion = field.value;
    else if (field.number === MODEL.opset) await readOpset(reader, field, model.opsets);
    else if (field.number === MODEL.graph) {
      hasGraph = true;
      await readGraph(reader, field, model);
    }
  }
  return hasGraph ? model : undefined;
}

async function readOpset(
  reader: WireReader,
  { start, end }: Field,
  into: Map<string, number>,
): Promise<void> {
  let domain = "";
  let version = 0;
  for await (const field of reader.fields(start, end)) {
    if (field.number === OPSET.domain) domain = await reader.text(field);
    else if (field.number === OPSET.version) version = field.value;
  }
  into.set(domain === "" ? "ai.onnx" : domain, version);
}

async function readGraph(reader: WireReader, { start, end }: Field, model: OnnxFile): Promise<void> {
  const constants = new Set<string>();
  for await (const field of reader.fields(start, end)) {
    if (field.number === GRAPH.initializer) constants.add(await readTensor(reader, field, model.external));
    else if (field.number === GRAPH.input) model.inputs.push(await readPort(reader, field));
    else if (field.number === GRAPH.output) model.outputs.push(await readPort(reader, field));
  }
  // Before IR version 4 weights are listed among the inputs.
  model.inputs = model.inputs.filter(({ name }) => !constants.has(name));
}

/** Name of an initializer; where its data lies elsewhere is added. */
async function readTensor(
  reader: WireReader,
  { start, end }: Field,
  external: ExternalData[],
): Promise<string> {
  const data: ExternalData = { tensor: "", location: "", offset: 0, length: 0 };
  let isExternal = false;
  for await (const field of reader.fields(start, end)) {
    if (field.number === TENSOR.name) data.tensor = await reader.text(field);
    else if (field.number === TENSOR.dataLocation) isExternal = field.value === EXTERNAL;
    else if (field.number === TENSOR.externalData) await readEntry(reader, field, data);
  }
  if (isExternal) external.push(data);
  return data.tensor;
}

async function readEntry(reader: WireReader, { start, end }: Field, into: ExternalData): Promise<void> {
  let key = "";
  let value = "";
  for await (const field of reader.fields(start, end)) {
    if (field.number === ENTRY.key) key = await reader.text(field);
    else if (field.number === ENTRY.value) value = await reader.text(field);
  }
  if (key === "location") into.location = value;
  else if (key === "offset") into.offset = Number(value);
  else if (key === "length") into.length = Number(value);
}

async function readPort(reader: WireReader, { start, end }: Field): Promise<OnnxPort> {
  const port: OnnxPort = { name: "", kind: "none", element: 0 };
  for await (const field of reader.fields(start, end)) {
    if (field.number === VALUE.name) port.name = await reader.text(field);
    else if (field.number === VALUE.type) await readType(reader, field, port);
  }
  return port;
}

async function readType(reader: WireReader, { start, end }: Field, port: OnnxPort): Promise<void> {
  for await (const field of reader.fields(start, end)) {
    port.kind = KINDS.get(field.number) ?? port.kind;
    if (port.kind !== "tensor") continue;
    for await (const inner of reader.fields(field.start, field.end))
      if (inner.number === 1) port.element = inner.value;
  }
}
