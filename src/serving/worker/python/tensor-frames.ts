import { bytesOf, joinBuffers } from "../../../base/bytes.ts";
import { datatypeNamed } from "../../protocol/datatypes.ts";
import type { Datatype, TensorData } from "../../protocol/datatypes.ts";
import { writeRaw } from "../../protocol/raw.ts";
import { elements } from "../../protocol/tensor.ts";
import type { Tensor } from "../../protocol/tensor.ts";

/**
 * Tensors between a worker and its Python process. The layout is that of tensors.py: u32 count, u32 zero, then per
 * tensor u8 datatype, u8 dimensions, two zero bytes, u32 bytes of data, the dimensions as u32, and the data; head and
 * data each begin on a multiple of eight, so that numpy takes them as they lie.
 */
const CODES = [
  "BOOL",
  "INT8",
  "INT16",
  "INT32",
  "INT64",
  "UINT8",
  "UINT16",
  "UINT32",
  "UINT64",
  "FP16",
  "FP32",
  "FP64",
  "BYTES",
];
const CODE_OF = new Map(CODES.map((name, code) => [name, code]));
const DATATYPES = CODES.map((name) => datatypeNamed(name) as Datatype);
const COUNT = 8;
const HEAD = 8;

export function encodeTensors(tensors: readonly Tensor[]): Buffer {
  const parts: Buffer[] = [];
  const count = Buffer.alloc(COUNT);
  count.writeUInt32LE(tensors.length, 0);
  parts.push(count);
  for (const tensor of tensors) {
    const { datatype, shape } = tensor;
    const data = writeRaw(tensor);
    const head = Buffer.alloc(padded(HEAD + 4 * shape.length));
    head.writeUInt8(CODE_OF.get(datatype.name) as number, 0);
    head.writeUInt8(shape.length, 1);
    head.writeUInt32LE(data.length, 4);
    shape.forEach((size, axis) => head.writeUInt32LE(size, HEAD + 4 * axis));
    parts.push(head, data);
    if (data.length % 8 !== 0) parts.push(Buffer.alloc(8 - (data.length % 8)));
  }
  return joinBuffers(parts);
}

/** Throws RangeError for bytes that aren't tensors: a broken peer. */
export function decodeTensors(payload: Buffer): Tensor[] {
  const tensors: Tensor[] = [];
  let at = COUNT;
  for (let left = payload.readUInt32LE(0); left > 0; left--) {
    const datatype = DATATYPES[payload.readUInt8(at)];
    const dimensions = payload.readUInt8(at + 1);
    const size = payload.readUInt32LE(at + 4);
    const shape = Array.from({ length: dimensions }, (_, axis) => payload.readUInt32LE(at + HEAD + 4 * axis));
    at += padded(HEAD + 4 * dimensions);
    if (datatype === undefined || at + size > payload.length) throw new RangeError("no tensors");
    tensors.push({
      datatype,
      shape,
      data: dataOf(datatype, payload.subarray(at, at + size), elements(shape)),
      start: 0,
    });
    at = padded(at + size);
  }
  return tensors;
}

/** A copy: the frame's memory is neither aligned nor ours to keep. */
function dataOf(datatype: Datatype, raw: Buffer, count: number): TensorData {
  if (datatype.size === 0) {
    const texts: string[] = [];
    for (let at = 0; texts.length < count;) {
      const end = at + 4 + raw.readUInt32LE(at);
      texts.push(raw.toString("utf8", at + 4, end));
      at = end;
    }
    return texts;
  }
  if (raw.length !== count * datatype.size) throw new RangeError("no tensor of its shape");
  const data = datatype.make(count) as Uint8Array;
  new Uint8Array(data.buffer, data.byteOffset, raw.length).set(bytesOf(raw));
  return data;
}

function padded(bytes: number): number {
  return Math.ceil(bytes / 8) * 8;
}
