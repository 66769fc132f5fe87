import { joinBuffers } from "../../base/bytes.ts";
import { Malformed } from "./wire/malformed.ts";
import { WIRE } from "./wire/reader.ts";
import type { WireReader } from "./wire/reader.ts";
import type { WireWriter } from "./wire/writer.ts";

/** Where InferTensorContents has a datatype's elements, and how wide one is as a raw tensor. */
interface Layout {
  /** Number and name of the field. */
  field: number;
  name: string;
  wire: number;
  /** Bytes of one element; 0 for BYTES. */
  width: number;
  /** Of elements that are narrower than the field. */
  range?: readonly [min: number, max: number];
}

const { varint, fixed32, fixed64, bytes } = WIRE;

/** FP16 and BF16 have no field: they travel raw only. */
const LAYOUTS: Readonly<Record<string, Layout>> = {
  BOOL: { field: 1, name: "bool_contents", wire: varint, width: 1, range: [0, 1] },
  INT8: { field: 2, name: "int_contents", wire: varint, width: 1, range: [-128, 127] },
  INT16: { field: 2, name: "int_contents", wire: varint, width: 2, range: [-32_768, 32_767] },
  INT32: { field: 2, name: "int_contents", wire: varint, width: 4 },
  INT64: { field: 3, name: "int64_contents", wire: varint, width: 8 },
  UINT8: { field: 4, name: "uint_contents", wire: varint, width: 1, range: [0, 255] },
  UINT16: { field: 4, name: "uint_contents", wire: varint, width: 2, range: [0, 65_535] },
  UINT32: { field: 4, name: "uint_contents", wire: varint, width: 4 },
  UINT64: { field: 5, name: "uint64_contents", wire: varint, width: 8 },
  FP32: { field: 6, name: "fp32_contents", wire: fixed32, width: 4 },
  FP64: { field: 7, name: "fp64_contents", wire: fixed64, width: 8 },
  BYTES: { field: 8, name: "bytes_contents", wire: bytes, width: 0 },
};

/** Whether a datatype can be told in typed contents. */
export function hasTypedContents(datatype: string): boolean {
  return Object.hasOwn(LAYOUTS, datatype);
}

/**
 * The elements of one InferTensorContents as a raw tensor: little-endian, BYTES with their length before each.
 * Packed and unpacked elements are read alike. Throws Malformed.
 * @param reader narrowed to the contents; read to their end
 * @param name of the tensor, for messages
 */
export function readTypedContents(
  reader: WireReader,
  { name, datatype, elements }: { name: string; datatype: string; elements: number },
): Buffer {
  const where = `input ${JSON.stringify(name)}`;
  const layout = Object.hasOwn(LAYOUTS, datatype) ? LAYOUTS[datatype] : undefined;
  if (layout === undefined)
    throw new Malformed(
      `${where}: ${datatype || "no datatype"} has no typed contents; send raw_input_contents`,
    );
  const room = reader.end - reader.position;
  // Each element takes a byte at least: a shape that lies costs no memory.
  if (!(elements <= room)) throw countError(where, layout, elements);
  const pieces = new Pieces(layout, elements, where);
  while (reader.hasMore) {
    const tag = reader.tag();
    const field = tag >>> 3;
    const wire = tag & 7;
    if (field > 8) reader.skip(tag);
    else if (field !== layout.field)
      throw new Malformed(`${where}: ${datatype} belongs into ${layout.name}, but field ${field} is set`);
    else if (wire === layout.wire) pieces.one(reader);
    else if (wire === WIRE.bytes) pieces.packed(reader);
    else throw new Malformed(`${where}: ${layout.name} has wire type ${wire}`);
  }
  return pieces.finish();
}

function countError(where: string, { name }: Layout, elements: number, given?: number): Malformed {
  const count = given === undefined ? "fewer" : String(given);
  return new Malformed(`${where}: ${name} has ${count} elements, but the shape takes ${elements}`);
}

/** Gathers elements in whatever pieces they come. */
class Pieces {
  readonly #layout: Layout;
  readonly #elements: number;
  readonly #where: string;
  readonly #chunks: Buffer[] = [];
  readonly #integers: Buffer;
  #count = 0;

  constructor(layout: Layout, elements: number, where: string) {
    this.#layout = layout;
    this.#elements = elements;
    this.#where = where;
    this.#integers = Buffer.allocUnsafe(layout.wire === WIRE.varint ? elements * layout.width : 0);
  }

  one(reader: WireReader): void {
    const { wire, width } = this.#layout;
    if (wire === WIRE.varint) return this.#integer(reader);
    this.#count += 1;
    if (wire === WIRE.bytes) {
      const element = reader.bytes();
      const length = Buffer.allocUnsafe(4);
      length.writeUInt32LE(element.length, 0);
      this.#chunks.push(length, element);
    } else {
      const start = reader.position;
      reader.skip(wire);
      this.#chunks.push(reader.buffer.subarray(start, start + width));
    }
    return undefined;
  }

  packed(reader: WireReader): void {
    const { wire, width, name } = this.#layout;
    if (wire !== WIRE.varint) {
      const chunk = reader.bytes();
      if (chunk.length % width !== 0)
        throw new Malformed(`${this.#where}: ${name} ends inside of an element`);
      this.#count += chunk.length / width;
      this.#chunks.push(chunk);
      return;
    }
    const outer = reader.enter();
    while (reader.hasMore) this.#integer(reader);
    reader.leave(outer);
  }

  finish(): Buffer {
    if (this.#count !== this.#elements)
      throw countError(this.#where, this.#layout, this.#elements, this.#count);
    if (this.#layout.wire === WIRE.varint) return this.#integers;
    const [first] = this.#chunks;
    return this.#chunks.length === 1 && first !== undefined ? first : joinBuffers(this.#chunks);
  }

  #integer(reader: WireReader): void {
    const { width, range } = this.#layout;
    const low = reader.varint();
    if (this.#count >= this.#elements)
      throw countError(this.#where, this.#layout, this.#elements, this.#elements + 1);
    const at = this.#count * width;
    this.#count += 1;
    if (range !== undefined) {
      // int32 goes over the wire as 64 bits of two's complement, of which the lower 32 count.
      const value = range[0] < 0 ? low | 0 : low;
      if (value < range[0] || value > range[1])
        throw new Malformed(`${this.#where}: ${value} is beyond ${range[0]} to ${range[1]}`);
      if (width === 1) this.#integers[at] = value & 0xff;
      else this.#integers.writeUInt16LE(value & 0xffff, at);
      return;
    }
    this.#integers.writeUInt32LE(low, at);
    if (width === 8) this.#integers.writeUInt32LE(reader.high, at + 4);
  }
}

/** Writes a raw tensor as typed contents; of a datatype that has them. */
export function writeTypedContents(writer: WireWriter, datatype: string, raw: Buffer): void {
  const layout = LAYOUTS[datatype];
  if (layout === undefined || raw.length === 0) return;
  const { field, width, wire } = layout;
  if (wire === WIRE.bytes) return writeElements(writer, field, raw);
  // Fixed-width numbers and booleans are the same bytes in both.
  if (wire !== WIRE.varint || datatype === "BOOL") return writer.bytes(field, raw);
  return writer.message(field, (packed) => {
    for (let at = 0; at + width <= raw.length; at += width) {
      if (width === 8) packed.varint(raw.readUInt32LE(at), raw.readUInt32LE(at + 4));
      else packed.int64(layout.field === 2 ? raw.readIntLE(at, width) : raw.readUIntLE(at, width));
    }
  });
}

function writeElements(writer: WireWriter, field: number, raw: Buffer): void {
  for (let at = 0; at + 4 <= raw.length;) {
    const end = at + 4 + raw.readUInt32LE(at);
    writer.bytes(field, raw.subarray(at + 4, end));
    at = end;
  }
}
