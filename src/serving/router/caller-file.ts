import { closeSync, fstatSync, ftruncateSync, openSync, readSync, writeSync } from "node:fs";

/** Two 64-bit floats, little-endian: the caller, and the mark. */
const RECORD_BYTES = 16;
const CHUNK_RECORDS = 4_096;

/**
 * Marks of callers, one behind the other in a file. Written before the mark is used and without a flush: it outlives
 * this process however that ends; a power cut may take the last seconds.
 */
export class CallerFile {
  readonly #file: number;
  readonly #record = new DataView(new ArrayBuffer(RECORD_BYTES));
  #bytes = 0;
  #isBroken = false;

  /** Opens or makes the file and gives each of its marks, oldest first; one that was half written is taken away. */
  constructor(path: string, each: (caller: number, mark: number) => void) {
    this.#file = openSync(path, "a+", 0o600);
    try {
      this.#read(each);
    } catch (error) {
      closeSync(this.#file);
      throw error;
    }
  }

  get records(): number {
    return this.#bytes / RECORD_BYTES;
  }

  /** True when it is in the file. */
  append(caller: number, mark: number): boolean {
    if (this.#isBroken) return false;
    this.#record.setFloat64(0, caller, true);
    this.#record.setFloat64(8, mark, true);
    try {
      if (writeSync(this.#file, this.#record) !== RECORD_BYTES) throw new Error("half written");
      this.#bytes += RECORD_BYTES;
      return true;
    } catch {
      this.#takeBack();
      return false;
    }
  }

  close(): void {
    closeSync(this.#file);
  }

  #read(each: (caller: number, mark: number) => void): void {
    const { size } = fstatSync(this.#file);
    const whole = size - (size % RECORD_BYTES);
    if (whole < size) ftruncateSync(this.#file, whole);
    const chunk = new DataView(new ArrayBuffer(CHUNK_RECORDS * RECORD_BYTES));
    while (this.#bytes < whole) {
      const read = readSync(this.#file, chunk, 0, chunk.byteLength, this.#bytes);
      const records = Math.floor(read / RECORD_BYTES);
      if (records === 0) return;
      for (let at = 0; at < records * RECORD_BYTES; at += RECORD_BYTES)
        each(chunk.getFloat64(at, true), chunk.getFloat64(at + 8, true));
      this.#bytes += records * RECORD_BYTES;
    }
  }

  /** What was half written (a full disk) would shift all records behind it. */
  #takeBack(): void {
    try {
      ftruncateSync(this.#file, this.#bytes);
    } catch {
      this.#isBroken = true;
    }
  }
}
