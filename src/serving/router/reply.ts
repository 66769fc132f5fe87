import type { ServerResponse } from "node:http";
import { bytesOf } from "../../base/bytes.ts";
import { decodeBinary } from "../frames.ts";
import { invocationError } from "../protocol/bad-input.ts";
import { sendJson, sendProtocolError } from "./answers.ts";
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

  constructor(res: ServerResponse, protocol: InferTarget["protocol"]) {
    this.#res = res;
    this.#protocol = protocol;
  }

  answer(status: number, body: Buffer, headers: Headers, isBinary: boolean): void {
    if (!isBinary) return sendJson(this.#res, status, bytesOf(body), headers);
    const parts = decodeBinary(body);
    if (parts === undefined) return this.fail(500, "the worker's answer is cut off", headers);
    if (parts.raw.length === 0) return sendJson(this.#res, status, bytesOf(parts.json), headers);
    return sendJson(
      this.#res,
      status,
      bytesOf(body.subarray(body.length - parts.json.length - parts.raw.length)),
      {
        ...headers,
        "content-type": "application/octet-stream",
        "inference-header-content-length": parts.json.length,
      },
    );
  }

  fail(status: number, message: string, headers: Headers): void {
    if (this.#protocol === "invocations")
      sendJson(this.#res, status, invocationError(status, message), headers);
    else sendProtocolError(this.#res, status, message, headers);
  }

  onLeft(left: () => void): void {
    this.#res.on("close", left);
  }
}
