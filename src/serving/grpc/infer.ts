import { FRAME_KIND } from "../frames.ts";
import type { TrafficRule } from "../backend.ts";
import type { Headers } from "../router/answers.ts";
import { callerTimeout } from "../router/deadline.ts";
import type { InferTarget, PredictionDeps } from "../router/prediction-deps.ts";
import { refuseTarget } from "../router/refusal.ts";
import type { Refusal } from "../router/refusal.ts";
import type { Reply } from "../router/reply.ts";
import { Unit } from "../router/unit.ts";
import { REQUEST_ID } from "../request-id.ts";
import type { Call } from "./call.ts";
import { readInferRequest } from "./infer-request.ts";
import { writeInferResponse } from "./infer-response.ts";
import type { PredictionTrace } from "../tracing/prediction-trace.ts";
import { SERVICE } from "./messages.ts";
import { codeOfHttp } from "./status.ts";
import { Malformed } from "./wire/malformed.ts";

const METHOD = `${SERVICE}/ModelInfer`;
const RETRY_SECONDS = 1;
const VERSION = /^[1-9]\d{0,8}$/;

/** ModelInfer: the very way of a REST prediction, from the draw of the variant to the prediction log. */
export function infer(call: Call, message: Buffer, deps: PredictionDeps): void {
  const given = call.headers["x-slipway-request-id"];
  const requestId = typeof given === "string" && REQUEST_ID.test(given) ? given : deps.newRequestId();
  call.tell("x-slipway-request-id", requestId);
  const trace = deps.tracer?.begin(
    { requestId, protocol: "grpc", route: METHOD, host: call.headers[":authority"] },
    call.headers,
  );
  const request = readRequest(message, trace);
  const { model, version, isTyped, body } = request;
  const target: InferTarget = { protocol: "v2", model, isGrpc: true };
  const rule = deps.rules.find(model)?.rule;
  const refusal = takeVersion(target, version) ?? refuseTarget(target, rule, deps) ?? tooLarge(message, rule);
  if (refusal !== undefined) {
    deps.requests.count(target, undefined, refusal.status, rule !== undefined);
    trace?.end(refusal.status);
    return failAs(call, refusal.status, refusal.message);
  }
  const timeoutMs = callerTimeout(call.headers);
  if (timeoutMs === "malformed") {
    trace?.end(400);
    throw new Malformed("grpc-timeout can't be read");
  }
  return Unit.begin(
    new GrpcReply(call, isTyped),
    {
      target,
      requestId,
      kind: FRAME_KIND.v2Binary,
      body,
      headers: call.headers,
      timeoutMs,
      trace,
    },
    deps,
  );
}

function readRequest(
  message: Buffer,
  trace: PredictionTrace | undefined,
): ReturnType<typeof readInferRequest> {
  try {
    return readInferRequest(message);
  } catch (error) {
    trace?.end(400);
    throw error;
  }
}

/** Into the target; a refusal when it can't be one. */
function takeVersion(target: InferTarget, version: string): Refusal | undefined {
  if (version === "") return undefined;
  if (!VERSION.test(version)) {
    const given = JSON.stringify(version.slice(0, 100));
    return { status: 404, message: `${given} isn't a version of a model: a number is needed` };
  }
  target.version = Number(version);
  return undefined;
}

function tooLarge({ length }: Buffer, rule: TrafficRule | undefined): Refusal | undefined {
  if (rule === undefined || length <= rule.maxBodyBytes) return undefined;
  return { status: 413, message: `the message is larger than ${rule.maxBodyBytes} bytes (serving.maxBody)` };
}

/** Brings a unit's answer to a gRPC caller. */
class GrpcReply implements Reply {
  readonly #call: Call;
  readonly #isTyped: boolean;

  constructor(call: Call, isTyped: boolean) {
    this.#call = call;
    this.#isTyped = isTyped;
  }

  answer(status: number, body: Buffer, headers: Headers): void {
    if (status !== 200) return failAs(this.#call, status, errorOf(body), headers);
    let response: Buffer | undefined;
    try {
      response = writeInferResponse(body, this.#isTyped);
    } catch {
      // What the worker wrote isn't what was agreed: said below.
    }
    if (response === undefined)
      return failAs(this.#call, 500, "the model's worker gave an answer that can't be read", headers);
    return this.#call.succeed(response, headers);
  }

  fail(status: number, message: string, headers: Headers): void {
    failAs(this.#call, status, message, headers);
  }

  onLeft(left: () => void): void {
    this.#call.onLeft(left);
  }
}

function failAs(call: Call, status: number, message: string, headers: Headers = {}): void {
  const { "retry-after": retryAfter, ...metadata } = headers;
  const retrySeconds = retryAfter === undefined && status === 503 ? RETRY_SECONDS : retryAfter;
  call.fail(codeOfHttp(status), message, {
    metadata,
    ...(retrySeconds === undefined ? {} : { retrySeconds: Number(retrySeconds) }),
  });
}

function errorOf(body: Buffer): string {
  try {
    const { error } = JSON.parse(body.toString("utf8")) as { error?: unknown };
    if (typeof error === "string") return error;
  } catch {
    // Said below.
  }
  return "the model's worker answered with an error that can't be read";
}
