import { closeSync, fstatSync, openSync, writeSync } from "node:fs";
import { open } from "node:fs/promises";
import { StringDecoder } from "node:string_decoder";

/** How much of the end is remembered for messages, also of what didn't fit into the file. */
const TAIL_BYTES = 8 * 1024;
/** A longer line is read as several. */
const MAX_LINE = 64 * 1024;

/** A step's output on disk: appended over all attempts, cut at a size, with its last lines at hand. */
export class StepLog {
  readonly #fd: number;
  readonly #maxBytes: number;
  readonly #onGrow: () => void;
  #size: number;
  #cut = false;
  #tail = "";
  #endsInLine = false;

  constructor(path: string, maxBytes: number, onGrow: () => void) {
    this.#fd = openSync(path, "a", 0o600);
    this.#maxBytes = maxBytes;
    this.#onGrow = onGrow;
    this.#size = fstatSync(this.#fd).size;
  }

  /** Output of the step. Written at once, so that it survives our own end and can be followed. */
  write(chunk: Buffer): void {
    this.#tail = (this.#tail + chunk.toString("utf8")).slice(-TAIL_BYTES);
    this.#endsInLine = chunk.at(-1) !== 10;
    if (this.#cut) return;
    const room = this.#maxBytes - this.#size;
    this.#append(chunk.length <= room ? chunk : chunk.subarray(0, Math.max(room, 0)));
    if (chunk.length > room) {
      this.#append(Buffer.from(`\nslipway: log cut here, at ${this.#maxBytes} bytes; the step goes on\n`));
      this.#cut = true;
    }
    this.#onGrow();
  }

  /** A line of ours, marked as such. */
  note(line: string): void {
    this.write(Buffer.from(`${this.#endsInLine ? "\n" : ""}slipway: ${line}\n`));
  }

  /** The last lines of output, oldest first, without empty ones. */
  lastLines(count: number): string[] {
    return this.#tail
      .split("\n")
      .map((line) => line.trimEnd())
      .filter((line) => line !== "" && !line.startsWith("slipway: "))
      .slice(-count);
  }

  /** Before another attempt: its failure shall not show lines of the former one. */
  forgetTail(): void {
    this.#tail = "";
  }

  close(): void {
    closeSync(this.#fd);
  }

  #append(bytes: Buffer): void {
    try {
      this.#size += writeSync(this.#fd, new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length));
    } catch {
      // A full disk must not end the step: what it does may be worth more than what it says.
      this.#cut = true;
    }
  }
}

/** Reads a growing log line by line from where it stopped. */
export class LogReader {
  readonly #path: string;
  // Keeps the first bytes of a character whose rest comes with the next chunk.
  readonly #decoder = new StringDecoder("utf8");
  #offset = 0;
  #rest = "";

  constructor(path: string) {
    this.#path = path;
  }

  /** Complete lines that are new; with `all`, an unfinished last one too. At most about 1 MiB per call. */
  async read(all: boolean): Promise<{ lines: string[]; more: boolean }> {
    const { text, more } = await this.#chunk();
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    if (all && !more && this.#rest !== "") lines.push(this.#rest);
    if (all && !more) this.#rest = "";
    while (this.#rest.length > MAX_LINE) {
      lines.push(this.#rest.slice(0, MAX_LINE));
      this.#rest = this.#rest.slice(MAX_LINE);
    }
    return { lines: lines.map((line) => line.replace(/\r$/, "")), more };
  }

  async #chunk(): Promise<{ text: string; more: boolean }> {
    const file = await open(this.#path, "r").catch(() => undefined);
    if (file === undefined) return { text: "", more: false };
    try {
      const buffer = new Uint8Array(CHUNK_BYTES);
      const { bytesRead } = await file.read(buffer, 0, CHUNK_BYTES, this.#offset);
      this.#offset += bytesRead;
      const text = this.#decoder.write(Buffer.from(buffer.buffer, 0, bytesRead));
      return { text, more: bytesRead === CHUNK_BYTES };
    } finally {
      await file.close();
    }
  }
}

const CHUNK_BYTES = 256 * 1024;
