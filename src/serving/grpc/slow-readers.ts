import { constants } from "node:http2";
import type { ServerHttp2Stream } from "node:http2";

const LOOK_EVERY_MS = 5_000;

/** Streams whose request hasn't come whole; those that take too long are ended. One timer for all: calls are many. */
export class SlowReaders {
  readonly #since = new Map<ServerHttp2Stream, number>();
  readonly #timer: NodeJS.Timeout;

  constructor(withinMs: number) {
    this.#timer = setInterval(
      () => {
        const oldest = performance.now() - withinMs;
        for (const [stream, since] of this.#since) {
          // In the order in which they began.
          if (since > oldest) return;
          this.#since.delete(stream);
          stream.close(constants.NGHTTP2_CANCEL);
        }
      },
      Math.min(LOOK_EVERY_MS, withinMs),
    );
    this.#timer.unref();
  }

  add(stream: ServerHttp2Stream): void {
    this.#since.set(stream, performance.now());
    stream.on("close", () => this.#since.delete(stream));
  }

  /** Its request has come. */
  delete(stream: ServerHttp2Stream): void {
    this.#since.delete(stream);
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
