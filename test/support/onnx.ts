// Small ONNX models for tests, written with ONNX's own protobuf messages.
import proto from "onnx-proto";

const { onnx } = proto;

/** TensorProto.DataType, by the name that Open Inference gives it. */
export const ELEMENT = {
  FP32: 1,
  UINT8: 2,
  INT8: 3,
  UINT16: 4,
  INT16: 5,
  INT32: 6,
  INT64: 7,
  BYTES: 8,
  BOOL: 9,
  FP16: 10,
  FP64: 11,
  UINT32: 12,
  UINT64: 13,
} as const;
export type Element = keyof typeof ELEMENT;

type Dimension = number | string;

interface Port {
  name: string;
  type: Element | number;
  shape: readonly Dimension[];
}

interface Constant {
  name: string;
  shape: readonly number[];
  floats?: readonly number[];
  integers?: readonly number[];
  texts?: readonly string[];
}

interface Node {
  op: string;
  inputs: readonly string[];
  outputs: readonly string[];
  attributes?: Record<string, number>;
}

export interface GraphSpec {
  inputs: readonly Port[];
  outputs: readonly (Port | { name: string; sequenceOf: Element })[];
  nodes: readonly Node[];
  constants?: readonly Constant[];
  opset?: number;
  irVersion?: number;
}

/** An ONNX file. Dimensions that are names are chosen by the request. */
export function onnxModel(spec: GraphSpec): Uint8Array {
  const model = onnx.ModelProto.create({
    irVersion: spec.irVersion ?? 7,
    producerName: "slipway tests",
    opsetImport: [{ domain: "", version: spec.opset ?? 13 }],
    graph: {
      name: "test",
      node: spec.nodes.map(({ op, inputs, outputs, attributes = {} }) => ({
        opType: op,
        input: [...inputs],
        output: [...outputs],
        attribute: Object.entries(attributes).map(([name, i]) => ({ name, i, type: 2 })),
      })),
      initializer: (spec.constants ?? []).map(initializer),
      input: spec.inputs.map(port),
      output: spec.outputs.map((output) => ("type" in output ? port(output) : sequence(output))),
    },
  });
  return onnx.ModelProto.encode(model).finish();
}

function initializer({ name, shape, floats, integers, texts }: Constant) {
  const dims = [...shape];
  if (texts)
    return {
      name,
      dims,
      dataType: ELEMENT.BYTES,
      stringData: texts.map((text) => new TextEncoder().encode(text)),
    };
  if (integers) return { name, dims, dataType: ELEMENT.INT64, int64Data: [...integers] };
  return { name, dims, dataType: ELEMENT.FP32, floatData: [...(floats ?? [])] };
}

function port({ name, type, shape }: Port) {
  const dim = shape.map((size) => (typeof size === "number" ? { dimValue: size } : { dimParam: size }));
  return {
    name,
    type: { tensorType: { elemType: typeof type === "number" ? type : ELEMENT[type], shape: { dim } } },
  };
}

function sequence({ name, sequenceOf }: { name: string; sequenceOf: Element }) {
  return { name, type: { sequenceType: { elemType: { tensorType: { elemType: ELEMENT[sequenceOf] } } } } };
}

const weights = (count: number): number[] => Array.from({ length: count }, (_, i) => Math.sin(i + 1));

/** FP32 [n, features] -> `label` INT64 [n] and `probabilities` FP32 [n, classes]: a linear softmax. */
export function linearSoftmax({ features = 4, classes = 3 } = {}): Uint8Array {
  return onnxModel({
    inputs: [{ name: "x", type: "FP32", shape: ["n", features] }],
    outputs: [
      { name: "label", type: "INT64", shape: ["n"] },
      { name: "probabilities", type: "FP32", shape: ["n", classes] },
    ],
    constants: [{ name: "w", shape: [features, classes], floats: weights(features * classes) }],
    nodes: [
      { op: "MatMul", inputs: ["x", "w"], outputs: ["scores"] },
      { op: "ArgMax", inputs: ["scores"], outputs: ["label"], attributes: { axis: 1, keepdims: 0 } },
      { op: "Softmax", inputs: ["scores"], outputs: ["probabilities"], attributes: { axis: 1 } },
    ],
  });
}

/** INT64 [n] -> `value` FP32 [n], `step` times the index, from a table of `size`: fails on every index outside it. */
export function lookUp({ size = 10, step = 10 } = {}): Uint8Array {
  return onnxModel({
    inputs: [{ name: "index", type: "INT64", shape: ["n"] }],
    outputs: [{ name: "value", type: "FP32", shape: ["n"] }],
    constants: [{ name: "table", shape: [size], floats: Array.from({ length: size }, (_, i) => i * step) }],
    nodes: [{ op: "Gather", inputs: ["table", "index"], outputs: ["value"], attributes: { axis: 0 } }],
  });
}

/** FP32 [n, 3] -> `word` BYTES [n]: the name of the largest column. */
export function namedClasses(): Uint8Array {
  return onnxModel({
    inputs: [{ name: "x", type: "FP32", shape: ["n", 3] }],
    outputs: [{ name: "word", type: "BYTES", shape: ["n"] }],
    constants: [{ name: "words", shape: [3], texts: ["low", "mid", 'hi"gh'] }],
    nodes: [
      { op: "ArgMax", inputs: ["x"], outputs: ["label"], attributes: { axis: 1, keepdims: 0 } },
      { op: "Gather", inputs: ["words", "label"], outputs: ["word"], attributes: { axis: 0 } },
    ],
  });
}

/** FP32 [1, 2] -> `sum` FP32 [1, 2]: takes one row at a time. */
export function oneRowOnly(): Uint8Array {
  return onnxModel({
    inputs: [{ name: "x", type: "FP32", shape: [1, 2] }],
    outputs: [{ name: "sum", type: "FP32", shape: [1, 2] }],
    nodes: [{ op: "Add", inputs: ["x", "x"], outputs: ["sum"] }],
  });
}

/** `a` FP32 [n, 2] and `b` FP32 [n, 2] -> `sum` FP32 [n, 2]. */
export function twoInputs(): Uint8Array {
  return onnxModel({
    inputs: [
      { name: "a", type: "FP32", shape: ["n", 2] },
      { name: "b", type: "FP32", shape: ["n", 2] },
    ],
    outputs: [{ name: "sum", type: "FP32", shape: ["n", 2] }],
    nodes: [{ op: "Add", inputs: ["a", "b"], outputs: ["sum"] }],
  });
}

/** FP32 [n, 2] -> `total` FP32 [n, 2]: running sums down the first dimension, which therefore isn't one of rows. */
export function runningSum(): Uint8Array {
  return onnxModel({
    inputs: [{ name: "x", type: "FP32", shape: ["n", 2] }],
    outputs: [{ name: "total", type: "FP32", shape: ["n", 2] }],
    constants: [{ name: "axis", shape: [], integers: [0] }],
    nodes: [{ op: "CumSum", inputs: ["x", "axis"], outputs: ["total"] }],
  });
}

/** FP32 [n, 2] -> `apart` FP32 [n, 2]: distances from the mean of all rows, which depend on the company. */
export function fromMean(): Uint8Array {
  return onnxModel({
    inputs: [{ name: "x", type: "FP32", shape: ["n", 2] }],
    outputs: [{ name: "apart", type: "FP32", shape: ["n", 2] }],
    nodes: [
      { op: "ReduceMean", inputs: ["x"], outputs: ["mean"] },
      { op: "Sub", inputs: ["x", "mean"], outputs: ["apart"] },
    ],
  });
}

/** Answers what it is given, of any type and shape. */
export function echo(type: Element, shape: readonly Dimension[] = ["n"]): Uint8Array {
  return onnxModel({
    inputs: [{ name: "x", type, shape }],
    outputs: [{ name: "y", type, shape }],
    nodes: [{ op: "Identity", inputs: ["x"], outputs: ["y"] }],
  });
}

/** INT64 [2] -> `mean` FP32: sixty products of square matrices of that size; 2000 by 2000 take far more than 10 s. */
export function spinning({ products = 60 } = {}): Uint8Array {
  const chain = Array.from({ length: products }, (_, i) => ({
    op: "MatMul",
    inputs: [`m${i}`, `m${i}`],
    outputs: [`m${i + 1}`],
  }));
  return onnxModel({
    inputs: [{ name: "size", type: "INT64", shape: [2] }],
    outputs: [{ name: "mean", type: "FP32", shape: [1, 1] }],
    nodes: [
      { op: "ConstantOfShape", inputs: ["size"], outputs: ["m0"] },
      ...chain,
      { op: "ReduceMean", inputs: [`m${products}`], outputs: ["mean"] },
    ],
  });
}

/** Its output is a sequence, as scikit-learn's converter makes it with ZipMap. */
export function sequenceOutput(): Uint8Array {
  return onnxModel({
    inputs: [{ name: "x", type: "FP32", shape: ["n", 2] }],
    outputs: [{ name: "output_probability", sequenceOf: "FP32" }],
    nodes: [{ op: "SequenceConstruct", inputs: ["x"], outputs: ["output_probability"] }],
  });
}
