import type { ServerResponse } from "node:http";
import { decodeBinary } from "../frames.ts";
import { errorBody, invocationError } from "../protocol/bad-input.ts";
import { sendJson } from "./answers.ts";
import type { Headers } from "./answers.ts";
import type { InferTarget } from "./prediction-deps.ts";

/** The way back to a caller, whatever it speaks. One of `answer` and `fail` is called, at most once. */
export interface Reply {
  /**
   * A worker's answer; from status 400 the protocol's error as JSON.
   * @param isBinary it is in the layout of v2Binary frames
   */
  answer(status: number, body: Buffer, headers: Headers, isBinary: boolean): void;
  /** There is no worker's answer. */
  fail(status: number, message: string, headers: Headers): void;
  /** Calls `left` once the caller is gone; perhaps after an answer, too. */
  onLeft(left: () => void): void;
}

/** Answers over HTTP: by JSON, with raw tensors behind it where they were asked for. */
export class HttpReply implements Reply {
  readonly #res: ServerResponse;
  readonly #protocol: InferTarget["protocol"];
  readonly #requestId: string;

  constructor(res: ServerResponse, protocol: InferTarget["protocol"], requestId: string) {
    this.#res = res;
    this.#protocol = protocol;
    this.#requestId = requestId;
  }

  answer(status: number, body: Buffer, headers: Headers, isBinary: boolean): void {
    if (!isBinary) return this.#send(status, body, headers);
    const parts = decodeBinary(body);
    if (parts === undefined) return this.fail(500, "the worker's answer is cut off", headers);
    if (parts.raw.length === 0) return this.#send(status, parts.json, headers);
    return this.#send(status, body.subarray(body.length - parts.json.length - parts.raw.length), {
      ...headers,
      "content-type": "application/octet-stream",
      "inference-header-content-length": parts.json.length,
    });
  }

  fail(status: number, message: string, headers: Headers): void {
    const body = this.#protocol === "invocations" ? invocationError(status, message) : errorBody(message);
    this.#send(status, body, headers);
  }

  /** The id goes with the other headers: Node writes those that are set before more slowly. */
  #send(status: number, body: string | Buffer, headers: Headers): void {
    sendJson(this.#res, status, body, { "x-slipway-request-id": this.#requestId, ...headers });
  }

  onLeft(left: () => void): void {
    this.#res.on("close", left);
  }
}
