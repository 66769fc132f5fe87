import { Agent as HttpAgent, request as httpRequest } from "node:http";
import type { ClientRequest, IncomingMessage, RequestOptions } from "node:http";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import type { Clock } from "../../base/clock.ts";
import { bytesOf, joinBuffers } from "../../base/bytes.ts";
import { decode } from "../grpc/wire/schema.ts";
import type { Message, MessageType } from "../grpc/wire/schema.ts";
import { encodeSpans } from "./encode-spans.ts";
import type { TracingSettings } from "./settings.ts";
import type { Span } from "./span.ts";

export interface SpanExporterDeps {
  settings: Omit<TracingSettings, "sampler">;
  /** This program's. */
  version: string;
  clock: Clock;
  /** A line for the process's log. */
  note(line: string): void;
}

/** What a collector says for a while (OTLP/HTTP, "Failures"). */
const RETRIED = new Set([429, 502, 503, 504]);
const ATTEMPTS = 4;
const FIRST_PAUSE_MS = 1_000;
const MOST_PAUSE_MS = 30_000;
const NOTE_EVERY_MS = 60_000;
const MOST_ANSWER_BYTES = 64 * 1024;

const RESPONSE: MessageType = {
  name: "ExportTraceServiceResponse",
  fields: {
    partial_success: [
      1,
      {
        name: "ExportTracePartialSuccess",
        fields: { rejected_spans: [1, "int64"], error_message: [2, "string"] },
      },
    ],
  },
};

type Sent = { status: number; retryAfterMs: number | undefined; body: Buffer } | { failure: string };
type Send = (options: RequestOptions, answered: (answer: IncomingMessage) => void) => ClientRequest;

/**
 * Brings ended spans to a collector by OTLP over HTTP, in batches, one at a time. What doesn't fit into the queue is
 * dropped and counted: a collector that is slow or away costs no prediction anything.
 */
export class SpanExporter {
  readonly #deps: SpanExporterDeps;
  readonly #agent: HttpAgent;
  readonly #send: Send;
  readonly #stopping = new AbortController();
  #queue: Span[] = [];
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #exported = 0;
  #dropped = 0;
  #notedAt = -Infinity;
  #isClosed = false;

  private constructor(deps: SpanExporterDeps, agent: HttpAgent, send: Send) {
    this.#deps = deps;
    this.#agent = agent;
    this.#send = send;
  }

  /** Loads TLS only where it is needed. */
  static async create(deps: SpanExporterDeps): Promise<SpanExporter> {
    const options = { keepAlive: true, maxSockets: 1 };
    if (!deps.settings.url.startsWith("https:"))
      return new SpanExporter(deps, new HttpAgent(options), httpRequest);
    const { Agent, request } = await import("node:https");
    return new SpanExporter(deps, new Agent(options), request);
  }

  /** Spans so far. */
  get counts(): { exported: number; dropped: number } {
    return { exported: this.#exported, dropped: this.#dropped };
  }

  add(span: Span): void {
    const { maxQueue, maxSpans, delayMs } = this.#deps.settings.batch;
    if (this.#isClosed || this.#queue.length >= maxQueue) {
      this.#dropped += 1;
      return;
    }
    this.#queue.push(span);
    if (this.#queue.length >= maxSpans) this.#start();
    else if (this.#timer === undefined && this.#running === undefined) {
      this.#timer = setTimeout(() => this.#start(), delayMs);
      this.#timer.unref();
    }
  }

  /** Takes what is waiting to the collector for at most so long; what is left then is dropped. */
  async close(withinMs: number): Promise<void> {
    this.#isClosed = true;
    let late: NodeJS.Timeout | undefined;
    const timeout = new Promise<void>((resolve) => (late = setTimeout(resolve, withinMs)));
    this.#start();
    await Promise.race([this.#running ?? Promise.resolve(), timeout]);
    clearTimeout(late);
    this.#stopping.abort();
    await this.#running;
    this.#agent.destroy();
  }

  #start(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#running ??= this.#drain().finally(() => {
      this.#running = undefined;
    });
  }

  async #drain(): Promise<void> {
    while (this.#queue.length > 0) {
      const batch = this.#queue.splice(0, this.#deps.settings.batch.maxSpans);
      const rejected = await this.#export(batch);
      this.#exported += batch.length - rejected;
      this.#dropped += rejected;
    }
  }

  /** Answers how many of the batch weren't taken. */
  async #export(batch: readonly Span[]): Promise<number> {
    const { settings, version, clock } = this.#deps;
    const plain = encodeSpans(batch, settings.resource, { name: "slipway", version });
    const body = settings.compresses ? await promisify(gzip)(bytesOf(plain)) : plain;
    for (let attempt = 1; ; attempt++) {
      if (this.#stopping.signal.aborted) return batch.length;
      const sent = await this.#post(body);
      if ("status" in sent && sent.status >= 200 && sent.status < 300)
        return this.#rejected(sent.body, batch);
      const why = "status" in sent ? `it answered ${sent.status}` : sent.failure;
      if (attempt === ATTEMPTS || ("status" in sent && !RETRIED.has(sent.status))) {
        this.#note(`${batch.length} spans were dropped: ${why}`);
        return batch.length;
      }
      const asked = "status" in sent ? sent.retryAfterMs : undefined;
      const pause = Math.min(MOST_PAUSE_MS, asked ?? FIRST_PAUSE_MS * 2 ** (attempt - 1));
      await clock.sleep(pause, this.#stopping.signal).catch(() => undefined);
    }
  }

  #rejected(body: Buffer, { length }: readonly Span[]): number {
    try {
      const { rejected_spans: count = 0, error_message: message = "" } = (decode(RESPONSE, body)[
        "partial_success"
      ] ?? {}) as Message;
      if (message !== "") this.#note(String(message).slice(0, 500));
      return Math.max(0, Math.min(length, Number(count)));
    } catch {
      // Whatever it says, it took them.
      return 0;
    }
  }

  #post(body: Buffer): Promise<Sent> {
    const { url, headers, timeoutMs, compresses } = this.#deps.settings;
    return new Promise((done) => {
      const resolve = (sent: Sent) => {
        clearTimeout(timer);
        done(sent);
      };
      const { hostname, port, pathname, search, protocol } = new URL(url);
      const req = this.#send(
        {
          agent: this.#agent,
          protocol,
          hostname: hostname.replaceAll(/^\[|\]$/g, ""),
          port,
          path: pathname + search,
          method: "POST",
          signal: this.#stopping.signal,
          headers: {
            ...headers,
            "content-type": "application/x-protobuf",
            "content-length": body.length,
            ...(compresses ? { "content-encoding": "gzip" } : {}),
          },
        },
        (answer) => {
          const chunks: Buffer[] = [];
          let bytes = 0;
          answer.on("data", (chunk: Buffer) => {
            bytes += chunk.length;
            if (bytes <= MOST_ANSWER_BYTES) chunks.push(chunk);
          });
          const { statusCode: status = 0 } = answer;
          const retryAfterMs = retryAfter(answer.headers["retry-after"]);
          answer.on("end", () => resolve({ status, retryAfterMs, body: joinBuffers(chunks) }));
          answer.on("error", (error) => resolve({ failure: error.message }));
        },
      );
      req.on("error", (error: NodeJS.ErrnoException) => resolve({ failure: error.code ?? error.message }));
      const timer = setTimeout(() => req.destroy(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
      req.end(bytesOf(body));
    });
  }

  /** Now and then: what fails, fails for every batch. */
  #note(what: string): void {
    const now = this.#deps.clock.now();
    if (now - this.#notedAt < NOTE_EVERY_MS) return;
    this.#notedAt = now;
    this.#deps.note(`traces to ${new URL(this.#deps.settings.url).host}: ${what}`);
  }
}

/** Seconds; a date is left to our own pauses. */
function retryAfter(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,5}$/.test(text) ? Number(text) * 1_000 : undefined;
}
