import { WIRE } from "./reader.ts";

const FIRST_BYTES = 256;

/** Writes one protobuf message. Fields of the value that proto3 takes for granted are the caller's to leave out. */
export class WireWriter {
  #buffer: Buffer;
  #length: number;

  /** @param reserved bytes left free at the beginning, for what the caller writes there */
  constructor(reserved = 0, expected = FIRST_BYTES) {
    this.#buffer = Buffer.allocUnsafe(reserved + expected);
    this.#length = reserved;
  }

  get length(): number {
    return this.#length;
  }

  /** Shares this writer's memory, which isn't written to after it. */
  finish(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  /** @param low lower 32 bits, unsigned @param high upper ones, unsigned */
  varint(low: number, high = 0): void {
    this.#room(10);
    const buffer = this.#buffer;
    let at = this.#length;
    while (high !== 0 || low > 0x7f) {
      buffer[at++] = (low & 0x7f) | 0x80;
      low = ((low >>> 7) | (high << 25)) >>> 0;
      high >>>= 7;
    }
    buffer[at++] = low;
    this.#length = at;
  }

  /** An integer of at most 2^53 either way, in two's complement. */
  int64(value: number): void {
    const high = Math.floor(value / 2 ** 32);
    this.varint((value - high * 2 ** 32) >>> 0, high >>> 0);
  }

  tag(field: number, wire: number): void {
    this.varint(field * 8 + wire);
  }

  bool(field: number, value: boolean): void {
    this.tag(field, WIRE.varint);
    this.varint(value ? 1 : 0);
  }

  integer(field: number, value: number): void {
    this.tag(field, WIRE.varint);
    this.int64(value);
  }

  double(field: number, value: number): void {
    this.tag(field, WIRE.fixed64);
    this.#room(8);
    this.#length = this.#buffer.writeDoubleLE(value, this.#length);
  }

  /** @param value unsigned */
  fixed64(field: number, value: bigint): void {
    this.tag(field, WIRE.fixed64);
    this.#room(8);
    this.#length = this.#buffer.writeBigUInt64LE(value, this.#length);
  }

  /** @param value unsigned */
  fixed32(field: number, value: number): void {
    this.tag(field, WIRE.fixed32);
    this.#room(4);
    this.#length = this.#buffer.writeUInt32LE(value, this.#length);
  }

  string(field: number, text: string): void {
    this.tag(field, WIRE.bytes);
    const bytes = Buffer.byteLength(text);
    this.varint(bytes);
    this.#room(bytes);
    this.#length += this.#buffer.write(text, this.#length);
  }

  bytes(field: number, bytes: Buffer): void {
    this.tag(field, WIRE.bytes);
    this.varint(bytes.length);
    this.#room(bytes.length);
    this.#length += bytes.copy(this.#buffer as unknown as Uint8Array, this.#length);
  }

  message(field: number, write: (inner: WireWriter) => void): void {
    const inner = new WireWriter();
    write(inner);
    this.bytes(field, inner.finish());
  }

  #room(bytes: number): void {
    if (this.#length + bytes <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(2 * this.#buffer.length, this.#length + bytes));
    this.#buffer.copy(larger as unknown as Uint8Array, 0, 0, this.#length);
    this.#buffer = larger;
  }
}
