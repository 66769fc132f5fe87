import type { ServerHttp2Stream } from "node:http2";
import { createGunzip, createInflate } from "node:zlib";
import { bytesOf, joinBuffers } from "../../base/bytes.ts";
import { MESSAGE_PREFIX } from "./message-prefix.ts";
import type { Code } from "./status.ts";

/** Bytes of requests that are being read, of all calls together. */
export interface ReadingBudget {
  bytes: number;
  readonly max: number;
}

export interface ReadOptions {
  /** `grpc-encoding` of the call. */
  encoding: string | undefined;
  /** Of one message, packed or not. */
  maxBytes: number;
  budget: ReadingBudget;
  onMessage(message: Buffer): void;
  /** The caller has sent all, and every message has been given. */
  onEnd(): void;
  /** Called at most once, and nothing after it. */
  onError(code: Code, message: string): void;
}

/** What `grpc-encoding` may say. */
export const ENCODINGS: readonly string[] = ["identity", "deflate", "gzip"];

/** Cuts a stream into its messages, unpacked, one after the other. Nothing of a message that is too long is kept. */
export function readMessages(stream: ServerHttp2Stream, options: ReadOptions): void {
  const reader = new MessageReader(options);
  stream.on("data", (chunk: Buffer) => reader.push(chunk));
  stream.on("end", () => reader.end());
  stream.on("close", () => reader.close());
}

class MessageReader {
  readonly #options: ReadOptions;
  #chunks: Buffer[] = [];
  #held = 0;
  /** Of the message that is being read with its prefix; 0 until that is known. */
  #wanted = 0;
  #unpacking = 0;
  #hasEnded = false;
  #isClosed = false;
  /** Compressed messages unpack one after the other, so that they stay in order. */
  #last: Promise<void> | undefined;

  constructor(options: ReadOptions) {
    this.#options = options;
  }

  push(chunk: Buffer): void {
    if (this.#isClosed) return;
    this.#chunks.push(chunk);
    this.#held += chunk.length;
    const { budget } = this.#options;
    budget.bytes += chunk.length;
    if (budget.bytes > budget.max && this.#held > MESSAGE_PREFIX)
      return this.#fail("UNAVAILABLE", "more requests are being read than there is memory for");
    while (!this.#isClosed && this.#takeOne());
    return undefined;
  }

  end(): void {
    if (this.#isClosed) return;
    if (this.#held > 0) return this.#fail("INVALID_ARGUMENT", "the stream ends inside of a message");
    this.#hasEnded = true;
    if (this.#unpacking === 0) this.#options.onEnd();
    return undefined;
  }

  close(): void {
    this.#isClosed = true;
    this.#release(this.#held);
    this.#chunks = [];
  }

  #takeOne(): boolean {
    if (this.#wanted === 0 && !this.#readPrefix()) return false;
    if (this.#wanted > this.#held || this.#wanted === 0) return false;
    const [first] = this.#chunks;
    const all = this.#chunks.length === 1 && first !== undefined ? first : joinBuffers(this.#chunks);
    const rest = all.subarray(this.#wanted);
    this.#chunks = rest.length === 0 ? [] : [rest];
    this.#release(this.#wanted);
    const message = all.subarray(MESSAGE_PREFIX, this.#wanted);
    this.#wanted = 0;
    if (all[0] === 0 && this.#last === undefined) this.#options.onMessage(message);
    else this.#unpackNext(message, all[0] === 1);
    return rest.length > 0;
  }

  /** False while the prefix isn't complete, or when it can't be right. */
  #readPrefix(): boolean {
    if (this.#held < MESSAGE_PREFIX) return false;
    const { maxBytes, encoding } = this.#options;
    const prefix = Buffer.alloc(MESSAGE_PREFIX);
    let at = 0;
    for (const chunk of this.#chunks) {
      at += chunk.copy(bytesOf(prefix), at, 0, MESSAGE_PREFIX - at);
      if (at === MESSAGE_PREFIX) break;
    }
    const flag = prefix[0] as number;
    const length = prefix.readUInt32BE(1);
    if (flag > 1 || (flag === 1 && (encoding === undefined || encoding === "identity")))
      this.#fail(
        "INVALID_ARGUMENT",
        `a message's first byte is ${flag}, which this call's grpc-encoding has no use for`,
      );
    else if (length > maxBytes) this.#fail("RESOURCE_EXHAUSTED", tooLong(length, maxBytes));
    else this.#wanted = MESSAGE_PREFIX + length;
    return !this.#isClosed;
  }

  #unpackNext(message: Buffer, isPacked: boolean): void {
    const { encoding, maxBytes, onMessage, onEnd } = this.#options;
    this.#unpacking += 1;
    this.#last = (this.#last ?? Promise.resolve())
      .then(() => (isPacked ? unpack(message, encoding, maxBytes) : message))
      .then((unpacked) => {
        if (this.#isClosed) return;
        if (unpacked === "too long") return this.#fail("RESOURCE_EXHAUSTED", tooLong(undefined, maxBytes));
        if (unpacked === "broken")
          return this.#fail("INVALID_ARGUMENT", `a message isn't ${encoding}, as grpc-encoding says`);
        this.#unpacking -= 1;
        onMessage(unpacked);
        if (this.#hasEnded && this.#unpacking === 0 && !this.#isClosed) onEnd();
        return undefined;
      });
  }

  #fail(code: Code, message: string): void {
    if (this.#isClosed) return;
    this.close();
    this.#options.onError(code, message);
  }

  #release(bytes: number): void {
    this.#held -= bytes;
    this.#options.budget.bytes -= bytes;
  }
}

function tooLong(bytes: number | undefined, max: number): string {
  return `the message is ${bytes === undefined ? "longer" : `${bytes} bytes long, more`} than ${max} bytes (serving.maxBody)`;
}

/** Stops as soon as the message is longer than it may be: a small one can unpack to gigabytes. */
function unpack(
  packed: Buffer,
  encoding: string | undefined,
  maxBytes: number,
): Promise<Buffer | "too long" | "broken"> {
  return new Promise((resolve) => {
    const stream = encoding === "gzip" ? createGunzip() : createInflate();
    const chunks: Buffer[] = [];
    let bytes = 0;
    stream.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      chunks.push(chunk);
      if (bytes <= maxBytes) return;
      stream.destroy();
      resolve("too long");
    });
    stream.on("end", () => resolve(joinBuffers(chunks)));
    stream.on("error", () => resolve("broken"));
    stream.end(packed);
  });
}
