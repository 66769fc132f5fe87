import type { Readable } from "node:stream";
import { bytesOf, joinBuffers } from "../../base/bytes.ts";
import { SlipwayError } from "../../http/errors.ts";
import type { PartBuffers } from "./buffers.ts";

/** A body up to here is held as it comes, without one of the shared buffers. */
const SMALL_BYTES = 256 * 1024;
const NOTHING = Buffer.alloc(0);

export interface Part {
  body: Uint8Array;
  /** To be called once it has been sent; more often does nothing. */
  release(): void;
}

export interface PartReaderOptions {
  buffers: PartBuffers;
  partBytes: number;
  /** Over this many bytes reading fails: TOO_LARGE. */
  maxBytes: number;
  /** Sees every chunk once, in order. */
  onChunk: (chunk: Buffer) => void;
}

/** Cuts a stream into parts of one size; the last may be shorter. What was read and not released is released by `close`. */
export class PartReader {
  /** The stream has ended: there is no further part. */
  isEnd = false;
  /** Bytes read so far. */
  size = 0;
  readonly #options: PartReaderOptions;
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #open = new Set<() => void>();
  /** What came beyond the last part. */
  #rest: Buffer = NOTHING;

  constructor(body: Readable, options: PartReaderOptions) {
    this.#options = options;
    // A body whose writing failed is left as it is: a destroyed one would block the connection that it came on.
    const chunks = body.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>;
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  async next(): Promise<Part> {
    const small: Buffer[] = [];
    let smallBytes = 0;
    for (let chunk: Buffer | undefined = this.#takeRest(); chunk; chunk = await this.#read()) {
      small.push(chunk);
      smallBytes += chunk.length;
      if (smallBytes > SMALL_BYTES) return this.#fill(joinBuffers(small));
    }
    return { body: bytesOf(joinBuffers(small)), release: () => undefined };
  }

  close(): void {
    for (const release of this.#open) release();
  }

  async #fill(first: Buffer): Promise<Part> {
    const { buffers, partBytes } = this.#options;
    const buffer = await buffers.take(partBytes);
    const release = () => void (this.#open.delete(release) && buffers.giveBack(buffer));
    this.#open.add(release);
    let filled = 0;
    for (let chunk: Buffer | undefined = first; chunk; chunk = await this.#read()) {
      const copied = chunk.copy(bytesOf(buffer), filled);
      filled += copied;
      this.#rest = chunk.subarray(copied);
      if (filled === partBytes) break;
    }
    return { body: bytesOf(buffer).subarray(0, filled), release };
  }

  #takeRest(): Buffer {
    const rest = this.#rest;
    this.#rest = NOTHING;
    return rest;
  }

  async #read(): Promise<Buffer | undefined> {
    const { maxBytes, onChunk } = this.#options;
    let result: IteratorResult<Uint8Array>;
    try {
      result = await this.#chunks.next();
    } catch (error) {
      if (error instanceof SlipwayError) throw error;
      throw new SlipwayError("INVALID_REQUEST", "the body ended too early", { cause: error });
    }
    if (result.done === true) {
      this.isEnd = true;
      return undefined;
    }
    const { buffer, byteOffset, byteLength } = result.value;
    const chunk = Buffer.from(buffer, byteOffset, byteLength);
    this.size += chunk.length;
    if (this.size > maxBytes)
      throw new SlipwayError("TOO_LARGE", "the file is too large", { allowed: `${maxBytes} bytes` });
    onChunk(chunk);
    return chunk;
  }
}
