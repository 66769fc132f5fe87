import { joinBuffers } from "../base/bytes.ts";

/** The head of an HTTP/1.1 answer, as far as a load test needs it. */
export interface AnswerHead {
  status: number;
  /** `x-slipway-variant`: the version that answered. */
  variant: string | undefined;
  /** The server closes the connection behind this answer. */
  closes: boolean;
}

const MAX_HEAD_BYTES = 64 * 1024;
const END_OF_HEAD = "\r\n\r\n";

/** Finds where answers end in a connection's bytes, without keeping their bodies. Throws Error on what isn't HTTP/1.1. */
export class AnswerReader {
  #pending: Buffer | undefined;
  #head: AnswerHead | undefined;
  /** Bytes of the body, or of the chunk, that are still to come. */
  #left = 0;
  /** Where a chunked body stands; undefined: it has a length. */
  #chunk: "size" | "data" | "trailers" | undefined;

  /** Takes bytes; answers the head of the answer that they complete. One request is under way at a time. */
  push(bytes: Buffer): AnswerHead | undefined {
    let rest: Buffer = this.#pending === undefined ? bytes : joinBuffers([this.#pending, bytes]);
    this.#pending = undefined;
    if (this.#head === undefined) {
      const end = rest.indexOf(END_OF_HEAD);
      if (end < 0) {
        if (rest.length > MAX_HEAD_BYTES) throw new Error("the answer's head doesn't end");
        this.#pending = rest;
        return undefined;
      }
      this.#begin(rest.toString("latin1", 0, end));
      rest = rest.subarray(end + END_OF_HEAD.length);
    }
    return this.#chunk === undefined ? this.#sized(rest) : this.#chunked(rest);
  }

  #begin(text: string): void {
    const status = /^HTTP\/1\.[01] (\d{3})/.exec(text)?.[1];
    if (status === undefined) throw new Error("the answer isn't HTTP/1.1");
    const field = (name: string) => new RegExp(`\\r\\n${name}:[ \\t]*([^\\r]*)`, "i").exec(text)?.[1];
    this.#head = {
      status: Number(status),
      variant: field("x-slipway-variant"),
      closes: field("connection")?.toLowerCase() === "close",
    };
    const isChunked = field("transfer-encoding")?.toLowerCase().includes("chunked") === true;
    this.#chunk = isChunked ? "size" : undefined;
    this.#left = Number(field("content-length") ?? 0);
  }

  #sized(bytes: Buffer): AnswerHead | undefined {
    this.#left -= bytes.length;
    return this.#left > 0 ? undefined : this.#done();
  }

  #chunked(bytes: Buffer): AnswerHead | undefined {
    let at = 0;
    while (at < bytes.length) {
      if (this.#chunk === "data") {
        const taken = Math.min(this.#left, bytes.length - at);
        this.#left -= taken;
        at += taken;
        if (this.#left > 0) return undefined;
        this.#chunk = "size";
        continue;
      }
      const end = bytes.indexOf("\r\n", at);
      if (end < 0) break;
      const line = bytes.toString("latin1", at, end);
      at = end + 2;
      if (this.#chunk === "trailers") {
        if (line === "") return this.#done();
        continue;
      }
      const size = Number.parseInt(line, 16);
      if (Number.isNaN(size)) throw new Error("the answer's chunks can't be read");
      // With the line end behind the data.
      this.#left = size + 2;
      this.#chunk = size === 0 ? "trailers" : "data";
    }
    if (at < bytes.length) this.#pending = bytes.subarray(at);
    return undefined;
  }

  #done(): AnswerHead | undefined {
    const head = this.#head;
    this.#head = undefined;
    return head;
  }
}
