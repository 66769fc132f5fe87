import { constants } from "node:http2";
import type { IncomingHttpHeaders, OutgoingHttpHeaders, ServerHttp2Stream } from "node:http2";
import type { Headers } from "../router/answers.ts";
import { sealMessage } from "./message-prefix.ts";
import { failureTrailers } from "./status.ts";
import type { Code } from "./status.ts";

const OK_TRAILERS = { "grpc-status": "0" };

/**
 * One call on one HTTP/2 stream, answered once: `succeed` with one message, `fail`, or `begin`, any number of
 * `write` and `finish`. Nothing happens on a call that is over.
 */
export class Call {
  readonly headers: IncomingHttpHeaders;
  readonly #stream: ServerHttp2Stream;
  #state: "open" | "begun" | "over" = "open";
  #left: (() => void) | undefined;
  #metadata: Headers | undefined;
  #trailers: Record<string, string> = OK_TRAILERS;

  constructor(stream: ServerHttp2Stream, headers: IncomingHttpHeaders) {
    this.#stream = stream;
    this.headers = headers;
    // A reset by the caller is told by `close` too.
    stream.on("error", () => undefined);
    stream.on("close", () => this.#closed());
  }

  get isOver(): boolean {
    return this.#state === "over" || this.#stream.destroyed || this.#stream.closed;
  }

  /** Calls `left` when the caller goes away before the call is over. */
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
    this.begin(metadata);
    this.#state = "over";
    this.#stream.end(sealMessage(message));
  }

  fail(code: Code, message: string, options: { metadata?: Headers; retrySeconds?: number } = {}): void {
    if (this.isOver) return;
    const trailers = failureTrailers(code, message, options.retrySeconds);
    if (this.#state === "begun") return this.finish(trailers);
    this.#state = "over";
    this.#stream.respond({ ...this.#headers(options.metadata ?? {}), ...trailers }, {
      endStream: true,
      sendDate: false,
    } as object);
    // What the caller still sends isn't wanted any more.
    if (!this.#stream.readableEnded) this.#stream.close(constants.NGHTTP2_NO_ERROR);
    return undefined;
  }

  begin(metadata: Headers = {}): void {
    if (this.isOver || this.#state === "begun") return;
    this.#state = "begun";
    this.#stream.respond(this.#headers(metadata), { waitForTrailers: true, sendDate: false } as object);
    this.#stream.once("wantTrailers", () => this.#stream.sendTrailers(this.#trailers));
  }

  /** False when the caller takes answers more slowly than they come. */
  write(message: Buffer): boolean {
    return this.isOver || this.#stream.write(sealMessage(message));
  }

  finish(trailers: Record<string, string> = OK_TRAILERS): void {
    if (this.isOver) return;
    this.begin();
    this.#trailers = trailers;
    this.#state = "over";
    this.#stream.end();
  }

  #headers(metadata: Headers): OutgoingHttpHeaders {
    return { ":status": 200, "content-type": "application/grpc", ...this.#metadata, ...metadata };
  }

  #closed(): void {
    const wasOver = this.#state === "over";
    this.#state = "over";
    if (!wasOver) this.#left?.();
  }
}
