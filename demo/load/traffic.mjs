// Requests at a fixed rate, whether or not the answers keep up (open loop): a slow server can't slow its own test.
import { Agent, request } from "node:http";

/** More than this under way means that the server stopped answering; further requests fail at once and are counted. */
const MOST_IN_FLIGHT = 2_000;
const TIMEOUT_MS = 5_000;
const TICK_MS = 5;

/** Sends `body(i)` to `url` at `rate` per second; `onAnswer` gets one record per request. */
export class Traffic {
  #agent = new Agent({ keepAlive: true, maxSockets: 64 });
  #timer;
  #rate = 0;
  #sent = 0;
  #inFlight = 0;
  #due = 0;
  #last = 0;
  #drained = () => {};

  constructor({ url, nextRequest, onAnswer }) {
    this.url = new URL(url);
    this.nextRequest = nextRequest;
    this.onAnswer = onAnswer;
  }

  /** Requests per second from now on; 0 pauses. */
  setRate(rate) {
    this.#rate = rate;
    this.#last = performance.now();
    this.#timer ??= setInterval(() => this.#tick(), TICK_MS);
  }

  /** Ends the traffic; resolves when every request under way has ended. */
  async stop() {
    clearInterval(this.#timer);
    if (this.#inFlight > 0) await new Promise((resolve) => (this.#drained = resolve));
    this.#agent.destroy();
  }

  #tick() {
    const now = performance.now();
    this.#due += ((now - this.#last) / 1000) * this.#rate;
    this.#last = now;
    for (; this.#due >= 1; this.#due--) this.#send();
  }

  #send() {
    const { requestId, body, ...known } = this.nextRequest(this.#sent++);
    const record = { requestId, ...known, at: Date.now() };
    const started = performance.now();
    let ended = false;
    const end = (facts) => {
      if (ended) return;
      ended = true;
      this.#inFlight--;
      this.onAnswer({ ...record, ...facts, latencyMs: performance.now() - started });
      if (this.#inFlight === 0) this.#drained();
    };
    this.#inFlight++;
    if (this.#inFlight > MOST_IN_FLIGHT) return end({ status: 0, error: "too many requests under way" });
    const outgoing = request(this.url, {
      method: "POST",
      agent: this.#agent,
      timeout: TIMEOUT_MS,
      headers: {
        "content-type": "application/json",
        "content-length": Buffer.byteLength(body),
        "x-slipway-request-id": requestId,
      },
    });
    outgoing.on("response", (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("end", () =>
        end({
          status: response.statusCode,
          variant: response.headers["x-slipway-variant"],
          echoedId: response.headers["x-slipway-request-id"],
          body: Buffer.concat(chunks).toString("utf8"),
        }),
      );
      response.on("error", (error) => end({ status: 0, error: error.message }));
    });
    outgoing.on("timeout", () => outgoing.destroy(new Error(`no answer within ${TIMEOUT_MS} ms`)));
    outgoing.on("error", (error) => end({ status: 0, error: error.message }));
    outgoing.end(body);
  }
}
