import type { FileHandle } from "node:fs/promises";

const WINDOW = 64 * 1024;
const LONGEST_VARINT = 10;
const MAX_TEXT = 64 * 1024;

/** A field of a protobuf message: its number, and where its content lies in the file. */
export interface Field {
  number: number;
  /** Of a varint; 0 for other wire types. */
  value: number;
  start: number;
  end: number;
}

/**
 * Reads a protobuf message field by field without taking it into memory: what isn't asked for, such as gigabytes of
 * weights, is skipped. Throws RangeError for bytes that aren't a message.
 */
export class WireReader {
  readonly #file: FileHandle;
  readonly #window = Buffer.alloc(WINDOW);
  #from = 0;
  #until = 0;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  /** Fields between two places of the file, in their order. */
  async *fields(start: number, end: number): AsyncGenerator<Field> {
    let at = start;
    while (at < end) {
      const key = await this.#varint(at, end);
      const number = Math.floor(key.value / 8);
      const type = key.value % 8;
      const field = await this.#content(type, key.next, end);
      if (number === 0 || field.end > end) throw new RangeError("no protobuf message");
      yield { number, ...field };
      at = field.end;
    }
  }

  /** A field of text; at most 64 KiB of it. */
  async text({ start, end }: Field): Promise<string> {
    const length = Math.min(end - start, MAX_TEXT);
    const bytes = Buffer.alloc(length);
    await this.#file.read(bytes as unknown as Uint8Array, 0, length, start);
    return bytes.toString("utf8");
  }

  async #content(type: number, at: number, end: number): Promise<Omit<Field, "number">> {
    switch (type) {
      case 0: {
        const { value, next } = await this.#varint(at, end);
        return { value, start: at, end: next };
      }
      case 1:
        return { value: 0, start: at, end: at + 8 };
      case 2: {
        const { value, next } = await this.#varint(at, end);
        return { value: 0, start: next, end: next + value };
      }
      case 5:
        return { value: 0, start: at, end: at + 4 };
      default:
        throw new RangeError("no protobuf message");
    }
  }

  async #varint(at: number, end: number): Promise<{ value: number; next: number }> {
    if (at < this.#from || at + LONGEST_VARINT > this.#until) await this.#move(at);
    let value = 0;
    for (let index = 0; index < LONGEST_VARINT && at + index < Math.min(end, this.#until); index++) {
      const byte = this.#window[at + index - this.#from] as number;
      value += (byte & 0x7f) * 2 ** (7 * index);
      if (byte < 0x80) return { value, next: at + index + 1 };
    }
    throw new RangeError("no protobuf message");
  }

  async #move(at: number): Promise<void> {
    const { bytesRead } = await this.#file.read(this.#window as unknown as Uint8Array, 0, WINDOW, at);
    this.#from = at;
    this.#until = at + bytesRead;
  }
}
