import type { Readable } from "node:stream";
import { promisify } from "node:util";
import { gunzip, inflate, inflateRaw } from "node:zlib";
import { SlipwayError } from "../../../http/errors.ts";
import { bytesOf, joinBuffers } from "../../../base/bytes.ts";
import { invalid } from "../../wire/errors.ts";

const unpackers = {
  gzip: [promisify(gunzip)],
  // Senders disagree whether it has a header.
  deflate: [promisify(inflate), promisify(inflateRaw)],
} as const;

/** Bytes of a request that is sent packed, and of it unpacked. */
export const MAX_OTLP_BYTES = 32 * 1024 * 1024;
/** Bytes of all requests that are being read. */
const MAX_IN_FLIGHT = 4 * MAX_OTLP_BYTES;

/** Bounds the memory of requests that are read at the same time. */
export class OtlpGate {
  #free = MAX_IN_FLIGHT;

  /** Runs `work` with room for that many bytes; UNAVAILABLE when there is none: exporters send again by themselves. */
  async hold<Result>(bytes: number, work: () => Promise<Result>): Promise<Result> {
    if (bytes > this.#free) throw new SlipwayError("UNAVAILABLE", "too many spans are being read");
    this.#free -= bytes;
    try {
      return await work();
    } finally {
      this.#free += bytes;
    }
  }
}

/** The bytes of a body, which stops being read where it is too large. */
export async function readBody(body: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  // Not destroyed when it is too large: that would block the connection that it came on.
  for await (const chunk of body.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_OTLP_BYTES) throw invalid(`The request's body exceeds ${MAX_OTLP_BYTES} bytes.`);
    chunks.push(chunk);
  }
  return joinBuffers(chunks);
}

/** Unpacks a body as its Content-Encoding says; never to more than the limit. */
export async function unpack(body: Buffer, encoding: string | undefined): Promise<Buffer> {
  const name = encoding?.trim().toLowerCase();
  if (name === undefined || name === "" || name === "identity") return body;
  if (name !== "gzip" && name !== "deflate")
    throw invalid(`Unsupported Content-Encoding: ${name.slice(0, 50)}.`);
  for (const unpacker of unpackers[name]) {
    try {
      return await unpacker(bytesOf(body), { maxOutputLength: MAX_OTLP_BYTES });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE") {
        throw invalid(`The request's body exceeds ${MAX_OTLP_BYTES} bytes when it is unpacked.`);
      }
    }
  }
  throw invalid(`Failed to decompress ${name} payload.`);
}
