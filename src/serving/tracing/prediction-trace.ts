import { randomBytes } from "node:crypto";
import type { RunTiming } from "../frames.ts";
import { CODE, codeOfHttp } from "../grpc/status.ts";
import { CLIENT_LEFT } from "../router/request-counts.ts";
import type { AttributeValue, Span } from "./span.ts";
import type { TraceContext } from "./trace-context.ts";

/** What is known of a request when it comes. */
export interface TracedRequest {
  requestId: string;
  protocol: "v1" | "v2" | "invocations" | "grpc";
  /** With a place for each name, such as `/v2/models/{model}/infer`; of gRPC the method's whole name. */
  route: string;
  /** undefined for gRPC. */
  path?: string | undefined;
  host?: string | undefined;
}

/** One try of a variant. Milliseconds of the tracer's clock. */
interface Try {
  version: number;
  askedAt: number;
}

/** gRPC's codes that say the server failed, by OpenTelemetry's conventions for servers. */
const SERVER_FAILURES = new Set(["DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE"]);

/**
 * The spans of one sampled prediction: the request as its caller sees it, and for every variant that was asked the wait
 * and the model's run, which are known from the worker's answer. Nothing is told to a worker.
 */
export class PredictionTrace {
  readonly #request: TracedRequest;
  readonly #traceId: string;
  readonly #parent: TraceContext | undefined;
  readonly #spanId = newSpanId();
  readonly #startMs: number;
  readonly #now: () => number;
  readonly #ended: (span: Span) => void;
  readonly #attributes: Record<string, AttributeValue> = {};
  #try: Try | undefined;
  #isEnded = false;

  /** @param now milliseconds since the epoch with fractions, of a clock that never goes back */
  constructor(
    request: TracedRequest,
    traceId: string,
    parent: TraceContext | undefined,
    now: () => number,
    ended: (span: Span) => void,
  ) {
    this.#request = request;
    this.#traceId = traceId;
    this.#parent = parent;
    this.#now = now;
    this.#ended = ended;
    this.#startMs = now();
  }

  /** The variant was drawn. */
  assigned(model: string, arm: string): void {
    this.#attributes["slipway.model.name"] = model;
    this.#attributes["slipway.arm"] = arm;
  }

  /** A version is asked; before it, another one may have been. */
  asked(version: number): void {
    this.#attributes["slipway.model.version"] = version;
    this.#try = { version, askedAt: this.#now() };
  }

  /** The version that was asked last has answered. */
  answered(status: number, { computeMicros, batch }: RunTiming): void {
    const tried = this.#try;
    if (tried === undefined || batch === 0) return;
    const now = this.#now();
    const ranAt = Math.max(tried.askedAt, now - computeMicros / 1_000);
    const attributes = { "slipway.model.version": tried.version };
    this.#child("queue", tried.askedAt, ranAt, attributes, undefined);
    const error = status >= 500 ? `status ${status}` : undefined;
    this.#child("compute", ranAt, now, { ...attributes, "slipway.batch.requests": batch }, error);
  }

  /** The request is over. @param status HTTP's, also of gRPC; 499: the caller left */
  end(status: number): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    const { route, requestId, protocol } = this.#request;
    const isGrpc = protocol === "grpc";
    const [attributes, error] = isGrpc ? grpcFacts(status, route) : httpFacts(status, this.#request);
    this.#ended({
      traceId: this.#traceId,
      spanId: this.#spanId,
      parentId: this.#parent?.spanId ?? "",
      traceState: this.#parent?.traceState ?? "",
      name: isGrpc ? route : `POST ${route}`,
      kind: "server",
      startMs: this.#startMs,
      endMs: this.#now(),
      attributes: {
        ...attributes,
        ...address(this.#request.host),
        "slipway.request.id": requestId,
        "slipway.protocol": protocol,
        ...this.#attributes,
      },
      error,
    });
  }

  #child(
    name: string,
    startMs: number,
    endMs: number,
    attributes: Record<string, AttributeValue>,
    error: string | undefined,
  ): void {
    this.#ended({
      traceId: this.#traceId,
      spanId: newSpanId(),
      parentId: this.#spanId,
      traceState: this.#parent?.traceState ?? "",
      name,
      kind: "internal",
      startMs,
      endMs,
      attributes,
      error,
    });
  }
}

type Facts = [attributes: Record<string, AttributeValue>, error: string | undefined];

/** By "Semantic conventions for HTTP spans": of a server, statuses from 500 are errors. */
function httpFacts(status: number, { route, path }: TracedRequest): Facts {
  const attributes: Record<string, AttributeValue> = {
    "http.request.method": "POST",
    "http.route": route,
    "url.scheme": "http",
    ...(path === undefined ? {} : { "url.path": path }),
  };
  // It was answered to nobody.
  if (status === CLIENT_LEFT) return [{ ...attributes, "error.type": "caller_left" }, undefined];
  attributes["http.response.status_code"] = status;
  if (status < 500) return [attributes, undefined];
  return [{ ...attributes, "error.type": String(status) }, ""];
}

/** By "Semantic conventions for gRPC". */
function grpcFacts(status: number, method: string): Facts {
  const code = codeOfHttp(status);
  const attributes = {
    "rpc.system.name": "grpc",
    "rpc.method": method,
    "rpc.response.status_code": code,
  };
  if (code === "OK") return [attributes, undefined];
  const isOurs = SERVER_FAILURES.has(code);
  return [{ ...attributes, "error.type": code }, isOurs ? `gRPC status ${CODE[code]}` : undefined];
}

function address(host: string | undefined): Record<string, AttributeValue> {
  const [, name, port] = /^(\[[^\]]*\]|[^:]*)(?::(\d{1,5}))?$/.exec(host ?? "") ?? [];
  if (name === undefined || name === "") return {};
  return { "server.address": name, ...(port === undefined ? {} : { "server.port": Number(port) }) };
}

function newSpanId(): string {
  return randomBytes(8).toString("hex");
}
