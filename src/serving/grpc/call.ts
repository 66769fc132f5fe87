import { constants } from "node:http2";
import type { IncomingHttpHeaders, OutgoingHttpHeaders, ServerHttp2Stream } from "node:http2";
import type { Headers } from "../router/answers.ts";
import { EVERYWHERE, type Reach } from "../router/caller-book.ts";
import { sealMessage } from "./message-prefix.ts";
import { failureTrailers } from "./status.ts";
import type { Code } from "./status.ts";

const OK_TRAILERS = { "grpc-status": "0" };

/** One call on one HTTP/2 stream, answered once by `succeed` or `fail`; on a call that is over neither does anything. */
export class Call {
  readonly headers: IncomingHttpHeaders;
  /** Whose services its caller may ask. */
  reach: Reach = EVERYWHERE;
  readonly #stream: ServerHttp2Stream;
  #isAnswered = false;
  #left: (() => void) | undefined;
  #metadata: Headers | undefined;

  constructor(stream: ServerHttp2Stream, headers: IncomingHttpHeaders) {
    this.#stream = stream;
    this.headers = headers;
    // A reset by the caller is told by `close` too.
    stream.on("error", () => undefined);
    stream.on("close", () => {
      if (!this.#isAnswered) this.#left?.();
    });
  }

  get isOver(): boolean {
    return this.#isAnswered || this.#stream.destroyed || this.#stream.closed;
  }

  /** Calls `left` when the caller goes away before the call is answered. */
  onLeft(left: () => void): void {
    this.#left = left;
  }

  /** Metadata that goes with the answer, whatever it will be. */
  tell(name: string, value: string): void {
    (this.#metadata ??= {})[name] = value;
  }

  /** @param message behind room for its prefix */
  succeed(message: Buffer, metadata: Headers = {}): void {
    if (this.isOver) return;
    this.#isAnswered = true;
    this.#stream.respond(this.#headers(metadata), { waitForTrailers: true, sendDate: false } as object);
    this.#stream.once("wantTrailers", () => this.#stream.sendTrailers(OK_TRAILERS));
    this.#stream.end(sealMessage(message));
  }

  fail(code: Code, message: string, options: { metadata?: Headers; retrySeconds?: number } = {}): void {
    if (this.isOver) return;
    this.#isAnswered = true;
    const trailers = failureTrailers(code, message, options.retrySeconds);
    this.#stream.respond({ ...this.#headers(options.metadata ?? {}), ...trailers }, {
      endStream: true,
      sendDate: false,
    } as object);
    // What the caller still sends isn't wanted any more.
    if (!this.#stream.readableEnded) this.#stream.close(constants.NGHTTP2_NO_ERROR);
  }

  #headers(metadata: Headers): OutgoingHttpHeaders {
    return { ":status": 200, "content-type": "application/grpc", ...this.#metadata, ...metadata };
  }
}
