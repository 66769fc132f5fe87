import { isUtf8 } from "node:buffer";
import { bytesOf } from "../../../base/bytes.ts";
import { Malformed } from "./malformed.ts";

/** How a field's bytes are laid out (protobuf's encoding guide); groups (3, 4) were given up long ago and aren't read. */
export const WIRE = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

const REPLACEMENT = "\ufffd";

/** Reads one protobuf message in place. Whatever the bytes say, nothing beyond `end` is read; throws Malformed. */
export class WireReader {
  readonly buffer: Buffer;
  position: number;
  end: number;
  /** Upper 32 bits of the last varint. */
  high = 0;

  constructor(buffer: Buffer, start = 0, end = buffer.length) {
    this.buffer = buffer;
    this.position = start;
    this.end = end;
  }

  get hasMore(): boolean {
    return this.position < this.end;
  }

  /** Field number times eight, plus wire type. */
  tag(): number {
    const tag = this.varint();
    if (this.high !== 0 || tag < 8) throw new Malformed("a field's number can't be read");
    return tag;
  }

  /** Lower 32 bits, unsigned; the upper ones are in `high`. */
  varint(): number {
    const { buffer } = this;
    let low = 0;
    this.high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (this.position >= this.end) throw new Malformed("it ends inside of a number");
      const byte = buffer[this.position++] as number;
      const bits = byte & 0x7f;
      if (shift < 28) low |= bits << shift;
      else if (shift === 28) {
        low |= bits << 28;
        this.high = bits >>> 4;
      } else if (shift < 63) this.high |= bits << (shift - 32);
      else this.high |= (bits & 1) << 31;
      if (byte < 0x80) {
        this.high >>>= 0;
        return low >>> 0;
      }
    }
    throw new Malformed("a number is longer than ten bytes");
  }

  /** A signed 64-bit number; beyond 2^53 it loses digits. */
  int64(): number {
    const low = this.varint();
    return (this.high | 0) * 2 ** 32 + low;
  }

  bool(): boolean {
    const low = this.varint();
    return low !== 0 || this.high !== 0;
  }

  double(): number {
    return this.buffer.readDoubleLE(this.#take(8));
  }

  /** Length of the bytes that begin at `position` now. */
  length(): number {
    const length = this.varint();
    if (this.high !== 0 || length > this.end - this.position)
      throw new Malformed("a field says that it is longer than the message");
    return length;
  }

  /** Shares memory with the message. */
  bytes(): Buffer {
    const start = this.#take(this.length());
    return this.buffer.subarray(start, this.position);
  }

  string(): string {
    const start = this.#take(this.length());
    const text = this.buffer.toString("utf8", start, this.position);
    if (text.includes(REPLACEMENT) && !isUtf8(bytesOf(this.buffer.subarray(start, this.position))))
      throw new Malformed("a text isn't UTF-8");
    return text;
  }

  /** Narrows this reader to the message that begins here, and answers where the outer one ends, for `leave`. */
  enter(): number {
    const length = this.length();
    const outer = this.end;
    this.end = this.position + length;
    return outer;
  }

  leave(outer: number): void {
    this.position = this.end;
    this.end = outer;
  }

  /** Goes over a field that nobody asked for. */
  skip(tag: number): void {
    switch (tag & 7) {
      case WIRE.varint:
        this.varint();
        return;
      case WIRE.fixed64:
        this.#take(8);
        return;
      case WIRE.bytes:
        this.#take(this.length());
        return;
      case WIRE.fixed32:
        this.#take(4);
        return;
      default:
        throw new Malformed(`field ${tag >>> 3} has wire type ${tag & 7}`);
    }
  }

  #take(bytes: number): number {
    const start = this.position;
    if (bytes > this.end - start) throw new Malformed("it ends inside of a field");
    this.position = start + bytes;
    return start;
  }
}
