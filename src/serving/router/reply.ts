import type { ServerResponse } from "node:http";
import { sendJson, sendProtocolError } from "./answers.ts";
import type { Headers } from "./answers.ts";

/** The way back to a caller, whatever it speaks. One of `answer` and `fail` is called, at most once. */
export interface Reply {
  /** A worker's answer, in the layout of the request's frame kind; from status 400 Open Inference's error as JSON. */
  answer(status: number, body: Buffer, headers: Headers): void;
  /** There is no worker's answer. */
  fail(status: number, message: string, headers: Headers): void;
  /** Calls `left` once the caller is gone; perhaps after an answer, too. */
  onLeft(left: () => void): void;
}

/** Answers by JSON over HTTP. */
export class HttpReply implements Reply {
  readonly #res: ServerResponse;

  constructor(res: ServerResponse) {
    this.#res = res;
  }

  answer(status: number, body: Buffer, headers: Headers): void {
    sendJson(this.#res, status, body as unknown as Uint8Array, headers);
  }

  fail(status: number, message: string, headers: Headers): void {
    sendProtocolError(this.#res, status, message, headers);
  }

  onLeft(left: () => void): void {
    this.#res.on("close", left);
  }
}
