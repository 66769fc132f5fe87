// The messages of Open Inference's gRPC service, and protobuf's encoding of them by these tables: the suite needs nothing
// installed but Node, and shares no code with a server that it checks.

/** Fields of a message: `name: [number, type]`; a type in an array is repeated, a message by its name. */
const MESSAGES = {
  Empty: {},
  Ready: { ready: [1, "bool"] },
  Live: { live: [1, "bool"] },
  ModelRequest: { name: [1, "string"], version: [2, "string"] },
  ServerMetadata: { name: [1, "string"], version: [2, "string"], extensions: [3, ["string"]] },
  TensorMetadata: { name: [1, "string"], datatype: [2, "string"], shape: [3, ["int64"]] },
  ModelMetadata: {
    name: [1, "string"],
    versions: [2, ["string"]],
    platform: [3, "string"],
    inputs: [4, ["TensorMetadata"]],
    outputs: [5, ["TensorMetadata"]],
  },
  Parameter: { bool_param: [1, "bool"], int64_param: [2, "int64"], string_param: [3, "string"] },
  ParameterEntry: { key: [1, "string"], value: [2, "Parameter"] },
  Contents: {
    bool_contents: [1, ["bool"]],
    int_contents: [2, ["int32"]],
    int64_contents: [3, ["int64"]],
    uint_contents: [4, ["uint32"]],
    uint64_contents: [5, ["uint64"]],
    fp32_contents: [6, ["float"]],
    fp64_contents: [7, ["double"]],
    bytes_contents: [8, ["bytes"]],
  },
  Tensor: {
    name: [1, "string"],
    datatype: [2, "string"],
    shape: [3, ["int64"]],
    parameters: [4, ["ParameterEntry"]],
    contents: [5, "Contents"],
  },
  ModelIndex: { name: [1, "string"], version: [2, "string"] },
  RepositoryIndex: { models: [1, ["ModelIndex"]] },
  RequestedOutput: { name: [1, "string"], parameters: [2, ["ParameterEntry"]] },
  InferRequest: {
    model_name: [1, "string"],
    model_version: [2, "string"],
    id: [3, "string"],
    parameters: [4, ["ParameterEntry"]],
    inputs: [5, ["Tensor"]],
    outputs: [6, ["RequestedOutput"]],
    raw_input_contents: [7, ["bytes"]],
  },
  InferResponse: {
    model_name: [1, "string"],
    model_version: [2, "string"],
    id: [3, "string"],
    parameters: [4, ["ParameterEntry"]],
    outputs: [5, ["Tensor"]],
    raw_output_contents: [6, ["bytes"]],
  },
};

const WIRE = { bool: 0, int32: 0, int64: 0, uint32: 0, uint64: 0, double: 1, float: 5 };
const BYTES = 2;

function varint(value) {
  const bytes = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  bytes.push(Number(rest));
  return Buffer.from(bytes);
}

const delimited = (bytes) => Buffer.concat([varint(bytes.length), bytes]);

function scalar(type, value) {
  const bytes = Buffer.alloc(8);
  if (type === "double") return bytes.subarray(0, bytes.writeDoubleLE(value));
  if (type === "float") return bytes.subarray(0, bytes.writeFloatLE(value));
  return varint(typeof value === "boolean" ? Number(value) : value);
}

/** @param {object} message by field names; what is missing has its default */
export function encode(name, message) {
  const parts = [];
  for (const [field, [number, type]] of Object.entries(MESSAGES[name])) {
    const value = message[field];
    if (value === undefined) continue;
    const single = Array.isArray(type) ? type[0] : type;
    const values = Array.isArray(type) ? value : [value];
    const tag = (wire) => varint(number * 8 + wire);
    if (single in WIRE && Array.isArray(type))
      parts.push(tag(BYTES), delimited(Buffer.concat(values.map((one) => scalar(single, one)))));
    else
      for (const one of values)
        if (single in WIRE) parts.push(tag(WIRE[single]), scalar(single, one));
        else parts.push(tag(BYTES), delimited(MESSAGES[single] ? encode(single, one) : Buffer.from(one)));
  }
  return Buffer.concat(parts);
}

/** Fields by name; missing ones have their default, and repeated ones are arrays. Throws on bytes that aren't a message. */
export function decode(name, bytes) {
  const message = {};
  const byNumber = new Map();
  for (const [field, [number, type]] of Object.entries(MESSAGES[name])) {
    byNumber.set(number, { field, type });
    message[field] = Array.isArray(type) ? [] : defaultOf(type);
  }
  const reader = { bytes, at: 0 };
  while (reader.at < bytes.length) {
    const tag = Number(readVarint(reader));
    const found = byNumber.get(tag >> 3);
    const value = readWire(reader, tag & 7);
    if (found === undefined) continue;
    const { field, type } = found;
    if (!Array.isArray(type)) message[field] = valueOf(type, value);
    else if (type[0] in WIRE && (tag & 7) === BYTES) message[field].push(...unpacked(type[0], value));
    else message[field].push(valueOf(type[0], value));
  }
  return message;
}

function defaultOf(type) {
  if (type === "bool") return false;
  if (type === "string") return "";
  return type in WIRE ? 0 : undefined;
}

function readVarint(reader) {
  let value = 0n;
  for (let shift = 0n; shift < 70n; shift += 7n) {
    if (reader.at >= reader.bytes.length) throw new Error("a message ends inside of a number");
    const byte = reader.bytes[reader.at++];
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
  throw new Error("a number in a message is too long");
}

/** A number as BigInt, all else as bytes. */
function readWire(reader, wire) {
  if (wire === 0) return readVarint(reader);
  const length = wire === BYTES ? Number(readVarint(reader)) : { 1: 8, 5: 4 }[wire];
  if (length === undefined || reader.at + length > reader.bytes.length)
    throw new Error(`a field of wire type ${wire} is longer than its message`);
  reader.at += length;
  return reader.bytes.subarray(reader.at - length, reader.at);
}

function unpacked(type, bytes) {
  const reader = { bytes, at: 0 };
  const values = [];
  while (reader.at < bytes.length) values.push(valueOf(type, readWire(reader, WIRE[type])));
  return values;
}

function valueOf(type, value) {
  if (type === "bool") return value !== 0n;
  if (type === "int32") return Number(BigInt.asIntN(32, value));
  if (type === "int64") return Number(BigInt.asIntN(64, value));
  if (type === "uint32" || type === "uint64") return Number(value);
  if (type === "float") return value.readFloatLE(0);
  if (type === "double") return value.readDoubleLE(0);
  if (type === "string") return value.toString("utf8");
  return type === "bytes" ? value : decode(type, value);
}
