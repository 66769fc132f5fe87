import { isUtf8 } from "node:buffer";
import { bytesOf } from "../../base/bytes.ts";
import { BadInput } from "./bad-input.ts";
import type { TensorData } from "./datatypes.ts";
import { elements, inputName } from "./tensor.ts";
import type { Tensor, TensorPort } from "./tensor.ts";

/** Before each element of BYTES. */
const LENGTH = 4;

/** The raw tensors of a request, taken one after the other; sizes that lie are BadInput. */
export class RawTensors {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** The next `size` bytes as a tensor of this shape. */
  take(port: TensorPort, size: number, shape: readonly number[]): Tensor {
    const rest = this.#bytes.length - this.#at;
    if (size > rest)
      throw new BadInput(
        `${inputName(port)}: its \`binary_data_size\` is ${size}, but ${rest} bytes are left of the request's binary data`,
      );
    const raw = this.#bytes.subarray(this.#at, this.#at + size);
    this.#at += size;
    const { datatype } = port;
    return { datatype, shape, data: readRaw(port, raw, elements(shape)), start: 0 };
  }

  /** Call it when every input has its tensor. */
  end(): void {
    const rest = this.#bytes.length - this.#at;
    if (rest > 0)
      throw new BadInput(
        `${rest} bytes of binary data are left over: the inputs' \`binary_data_size\` add up to ${this.#at}, but ${this.#bytes.length} bytes follow the JSON`,
      );
  }
}

/** Little-endian, row-major, as Open Inference's binary extension has it: also this machine's own order. */
function readRaw(port: TensorPort, raw: Buffer, count: number): TensorData {
  const { datatype } = port;
  if (datatype.size === 0) return readTexts(port, raw, count);
  // Compared before memory is taken: a shape may claim any size.
  if (raw.length !== count * datatype.size)
    throw new BadInput(
      `${inputName(port)}: its shape has ${count} values of ${datatype.size} bytes (${datatype.name}), but its \`binary_data_size\` is ${raw.length}`,
    );
  if (datatype.family === "bool") checkBools(port, raw);
  const data = datatype.make(count) as Uint8Array;
  new Uint8Array(data.buffer).set(bytesOf(raw));
  return data;
}

function checkBools(port: TensorPort, raw: Buffer): void {
  for (let i = 0; i < raw.length; i++)
    if ((raw[i] as number) > 1)
      throw new BadInput(`${inputName(port)}: byte ${i} is ${raw[i]}, but BOOL is 0 or 1`);
}

function readTexts(port: TensorPort, raw: Buffer, count: number): string[] {
  if (raw.length < count * LENGTH)
    throw new BadInput(
      `${inputName(port)}: its shape has ${count} values, each with a length of ${LENGTH} bytes before it (BYTES), but its \`binary_data_size\` is ${raw.length}`,
    );
  const texts: string[] = [];
  let at = 0;
  for (let i = 0; i < count; i++) {
    const start = at + LENGTH;
    const end = start > raw.length ? Infinity : start + raw.readUInt32LE(at);
    if (end > raw.length)
      throw new BadInput(
        `${inputName(port)}: value ${i} is longer than the ${raw.length} bytes that are given`,
      );
    const text = raw.subarray(start, end);
    if (!isUtf8(bytesOf(text)))
      throw new BadInput(`${inputName(port)}: value ${i} isn't UTF-8, and the model takes text`);
    texts.push(text.toString("utf8"));
    at = end;
  }
  if (at !== raw.length)
    throw new BadInput(
      `${inputName(port)}: ${raw.length - at} bytes are left over behind its ${count} values, or a length before one of them is a lie`,
    );
  return texts;
}

/** A tensor as the binary extension writes it; may share the tensor's memory. */
export function writeRaw({ datatype, data, shape, start }: Tensor): Buffer {
  const count = elements(shape);
  if (!Array.isArray(data))
    return Buffer.from(data.buffer, data.byteOffset + start * datatype.size, count * datatype.size);
  const texts = data.slice(start, start + count);
  let total = 0;
  for (const text of texts) total += LENGTH + Buffer.byteLength(text);
  const raw = Buffer.allocUnsafe(total);
  let at = 0;
  for (const text of texts) {
    const bytes = raw.write(text, at + LENGTH);
    raw.writeUInt32LE(bytes, at);
    at += LENGTH + bytes;
  }
  return raw;
}
