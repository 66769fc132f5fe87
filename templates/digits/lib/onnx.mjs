// A small writer of ONNX files. An ONNX file is one protobuf message, `ModelProto`; the field numbers below
// are those of onnx.proto (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto), the operators those of
// https://onnx.ai/onnx/operators/. Only what this project needs is here: float and int64 constants, nodes
// with integer attributes, dimensions of any size.

/** Operator set 13 (ONNX 1.8, 2020): every runtime of the last years has it. IR version 7 belongs to it. */
const OPSET = 13;
const IR_VERSION = 7;

/** TensorProto.DataType */
export const FLOAT = 1;
export const INT64 = 7;

/** AttributeProto.AttributeType */
const ATTRIBUTE_INT = 2;

// --- protobuf's wire format: a field is a varint (number << 3 | wire type), then its value ---

function varint(value) {
  // Two's complement in 64 bits: a negative int64 takes ten bytes.
  let rest = BigInt.asUintN(64, BigInt(value));
  const bytes = [];
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  bytes.push(Number(rest));
  return Buffer.from(bytes);
}

const int = (field, value) => Buffer.concat([varint(field << 3), varint(value)]);

function bytes(field, value) {
  const body = typeof value === "string" ? Buffer.from(value) : value;
  return Buffer.concat([varint((field << 3) | 2), varint(body.length), body]);
}

const message = (field, ...parts) => bytes(field, Buffer.concat(parts));

// --- ONNX's messages ---

/** TensorProto: dims = 1, data_type = 2, name = 8, raw_data = 9 (little-endian). */
function tensor({ name, type, shape, data }) {
  const width = type === FLOAT ? 4 : 8;
  const raw = Buffer.alloc(data.length * width);
  data.forEach((value, i) =>
    type === FLOAT ? raw.writeFloatLE(value, i * width) : raw.writeBigInt64LE(BigInt(value), i * width),
  );
  return Buffer.concat([...shape.map((size) => int(1, size)), int(2, type), bytes(8, name), bytes(9, raw)]);
}

/** AttributeProto: name = 1, i = 3, type = 20. */
const attribute = ([name, value]) => message(5, bytes(1, name), int(3, value), int(20, ATTRIBUTE_INT));

/** NodeProto: input = 1, output = 2, name = 3, op_type = 4, attribute = 5. */
const node = ({ op, inputs, output, attributes }) =>
  message(
    1,
    ...inputs.map((input) => bytes(1, input)),
    bytes(2, output),
    bytes(3, output),
    bytes(4, op),
    ...Object.entries(attributes).map(attribute),
  );

/** TensorShapeProto.Dimension: dim_value = 1, dim_param = 2 (a name: any size). */
const dimension = (size) => message(1, typeof size === "string" ? bytes(2, size) : int(1, size));

/** ValueInfoProto: name = 1, type = 2; TypeProto: tensor_type = 1; TypeProto.Tensor: elem_type = 1, shape = 2. */
const valueInfo = (field, { name, type, shape }) =>
  message(
    field,
    bytes(1, name),
    message(2, message(1, int(1, type), message(2, ...shape.map((size) => dimension(size))))),
  );

/** Collects a graph node by node and writes it as an ONNX file. */
export class Graph {
  #nodes = [];
  #constants = [];
  #inputs = [];
  #outputs = [];

  /** A value the caller sends. A shape's sizes are numbers, or a name for "any". */
  input(name, type, shape) {
    this.#inputs.push({ name, type, shape });
    return name;
  }

  /** A value the caller gets. */
  output(name, type, shape) {
    this.#outputs.push({ name, type, shape });
  }

  /** Numbers that belong to the model: weights, means, tables. */
  constant(name, type, shape, data) {
    this.#constants.push({ name, type, shape, data: [...data] });
    return name;
  }

  /** One operator; answers its output's name. */
  node(op, inputs, output, attributes = {}) {
    this.#nodes.push({ op, inputs, output, attributes });
    return output;
  }

  /**
   * The file. ModelProto: ir_version = 1, producer_name = 2, graph = 7, opset_import = 8 (its version = 2);
   * GraphProto: node = 1, name = 2, initializer = 5, input = 11, output = 12.
   */
  encode(name) {
    return Buffer.concat([
      int(1, IR_VERSION),
      bytes(2, name),
      message(
        7,
        ...this.#nodes.map((entry) => node(entry)),
        bytes(2, name),
        ...this.#constants.map((constant) => bytes(5, tensor(constant))),
        ...this.#inputs.map((input) => valueInfo(11, input)),
        ...this.#outputs.map((output) => valueInfo(12, output)),
      ),
      message(8, int(2, OPSET)),
    ]);
  }
}
