import type { IncomingHttpHeaders } from "node:http";
import type { FrameKind } from "../frames.ts";
import type { Headers } from "./answers.ts";
import { assign } from "./assign.ts";
import type { RuleInForce } from "./assign.ts";
import { draw } from "./draw.ts";
import type { TrafficRule } from "../backend.ts";
import type { InferTarget, PredictionDeps } from "./prediction-deps.ts";
import type { Reply } from "./reply.ts";
import type { Sample } from "./sample-log.ts";
import { VARIANT_HEADER } from "../request-id.ts";
import { CLIENT_LEFT } from "./request-counts.ts";
import { ShadowPair } from "./shadow-pair.ts";
import { SingleOutcome } from "./unit-outcome.ts";
import type { DrawnUnit, UnitOutcome } from "./unit-outcome.ts";
import type { PredictionTrace } from "../tracing/prediction-trace.ts";
import type { PoolAnswer, PoolRequest } from "./variant-pool.ts";

/** A prediction that a caller asks for, whatever it speaks. */
export interface UnitRequest {
  target: InferTarget;
  requestId: string;
  /** What `body` is to a worker. */
  kind: FrameKind;
  body: Buffer;
  headers: IncomingHttpHeaders;
  /** Milliseconds until the caller stops waiting; the service's own deadline holds as well. */
  timeoutMs?: number | undefined;
  /** Where it is sampled. */
  trace?: PredictionTrace | undefined;
}

/** What came of one try: a worker's answer, or why there is none. */
type Tried =
  | { status: number; body: Buffer; prediction: string; isBinary: boolean }
  | { status: number; error: string; headers?: Headers };

const RETRY_SOON = { "retry-after": "1" };
const NO_ANSWER = Buffer.alloc(0);

/** One unit of traffic, from its assignment to its outcome. */
export class Unit {
  readonly #reply: Reply;
  readonly #deps: PredictionDeps;
  readonly #drawn: DrawnUnit;
  readonly #rule: TrafficRule;
  readonly #body: Buffer;
  readonly #timeoutMs: number;
  readonly #outcome: UnitOutcome;
  /** It goes to the prediction log. */
  readonly #sample: Sample | undefined;
  readonly #trace: PredictionTrace | undefined;
  readonly #startedAt: number;
  readonly #timer: NodeJS.Timeout;
  /** Asked now; the one that answers in the end. */
  #version: number;
  #request: PoolRequest | undefined;
  #fallback: { version: number; status: number } | undefined;
  #isDone = false;

  private constructor(
    reply: Reply,
    drawn: DrawnUnit,
    { rule }: RuleInForce,
    { body, timeoutMs, requestId, headers, trace }: UnitRequest,
    deps: PredictionDeps,
  ) {
    this.#reply = reply;
    this.#deps = deps;
    this.#drawn = drawn;
    this.#rule = rule;
    this.#body = body;
    this.#startedAt = deps.ticks();
    this.#trace = trace;
    trace?.assigned(drawn.target.model, drawn.assignment.arm);
    this.#sample = deps.samples.take(rule, requestId, headers);
    this.#timeoutMs = timeoutMs === undefined ? rule.timeoutMs : Math.min(timeoutMs, rule.timeoutMs);
    this.#timer = setTimeout(() => this.#timeOut(), this.#timeoutMs);
    reply.onLeft(() => this.#left());
    const { copyTo, target, assignment } = drawn;
    if (copyTo === undefined) {
      this.#version = target.version ?? assignment.version;
      this.#outcome = new SingleOutcome(drawn, deps);
      this.#try();
      return;
    }
    this.#version = rule.champion;
    const pair = new ShadowPair({ ...drawn, copyTo }, rule.champion, body.length, deps, this.#startedAt);
    this.#outcome = pair;
    this.#try();
    pair.send(body, this.#timeoutMs);
  }

  /** Draws the request's variant by the rule in force now, and answers it. */
  static begin(reply: Reply, request: UnitRequest, deps: PredictionDeps): void {
    const { target, requestId, kind, body } = request;
    const inForce = deps.rules.find(target.model);
    if (inForce === undefined) {
      deps.requests.count(target, undefined, 404, false);
      request.trace?.end(404);
      return reply.fail(404, `service ${JSON.stringify(target.model)} was removed`, {});
    }
    const drawn =
      target.version === undefined
        ? draw(inForce, callerOf(request.headers, inForce.rule), body.length, deps)
        : { assignment: assign(inForce, deps.random()), isRepeat: false };
    return void new Unit(reply, { ...drawn, requestId, target, kind }, inForce, request, deps);
  }

  #try(): void {
    const { target, kind } = this.#drawn;
    const pool = this.#deps.variants.find({ service: target.model, version: this.#version });
    const why = pool === undefined ? "isn't prepared" : pool.refusal(this.#body.length);
    if (pool === undefined || why !== undefined) {
      const error = `version ${this.#version} of ${JSON.stringify(target.model)} ${why}`;
      return this.#tried({ status: 503, error, headers: RETRY_SOON });
    }
    this.#trace?.asked(this.#version);
    this.#request = pool.request(kind, this.#body, this.#timeoutMs, (answer) => {
      if (answer !== "lost") this.#trace?.answered(answer.status, answer);
      this.#tried(triedOf(answer));
    });
    return undefined;
  }

  #tried(tried: Tried): void {
    if (this.#isDone) return;
    // Timers count whole milliseconds.
    if (this.#timeoutMs < 1 && this.#deps.ticks() - this.#startedAt > this.#timeoutMs) return this.#timeOut();
    if (tried.status >= 400 && this.#canFallBack()) {
      this.#fallback = { version: this.#version, status: tried.status };
      this.#version = this.#rule.champion;
      return this.#try();
    }
    return this.#answer(tried);
  }

  /** Once, from the challenger that was drawn to a champion that can take it; within the deadline that runs already. */
  #canFallBack(): boolean {
    const { assignment, target, copyTo } = this.#drawn;
    if (this.#rule.fallback !== true || this.#fallback !== undefined) return false;
    if (assignment.arm !== "challenger" || target.version !== undefined || copyTo !== undefined) return false;
    const pool = this.#deps.variants.find({ service: target.model, version: this.#rule.champion });
    return pool !== undefined && !pool.isFull(this.#body.length);
  }

  #answer(tried: Tried): void {
    this.#isDone = true;
    clearTimeout(this.#timer);
    const headers: Headers = { [VARIANT_HEADER]: String(this.#version) };
    if (this.#fallback !== undefined) headers["x-slipway-fallback"] = String(this.#fallback.version);
    if ("error" in tried) this.#reply.fail(tried.status, tried.error, { ...headers, ...tried.headers });
    else this.#reply.answer(tried.status, tried.body, headers, tried.isBinary);
    this.#deps.requests.count(this.#drawn.target, this.#version, tried.status);
    this.#trace?.end(tried.status);
    const milliseconds = this.#deps.ticks() - this.#startedAt;
    this.#outcome.answered({
      version: this.#version,
      status: tried.status,
      prediction: "error" in tried ? "" : tried.prediction,
      milliseconds,
      ...(this.#fallback === undefined ? {} : { fallback: this.#fallback }),
    });
    if (this.#sample !== undefined) this.#log(this.#sample, tried, milliseconds);
  }

  #log(sample: Sample, tried: Tried, milliseconds: number): void {
    const { requestId, target, assignment, kind, isRepeat } = this.#drawn;
    const head = {
      id: requestId,
      at: this.#deps.now(),
      service: target.model,
      version: this.#version,
      arm: assignment.arm,
      status: tried.status,
      ms: milliseconds,
      commit: this.#rule.commit,
      kind,
      ...("error" in tried ? { error: tried.error } : tried.isBinary && { isBinary: true as const }),
      ...((target.version !== undefined || isRepeat) && { direct: true as const }),
      ...(this.#fallback !== undefined && { fallback: this.#fallback.version }),
    };
    this.#deps.samples.add(sample, head, this.#body, "error" in tried ? NO_ANSWER : tried.body);
  }

  #timeOut(): void {
    this.#request?.cancel();
    const whose = this.#timeoutMs < this.#rule.timeoutMs ? "the caller's own deadline" : "serving.timeout";
    this.#answer({ status: 504, error: `no answer within ${this.#timeoutMs} ms (${whose})` });
  }

  #left(): void {
    if (this.#isDone) return;
    this.#isDone = true;
    clearTimeout(this.#timer);
    this.#request?.cancel();
    this.#deps.requests.count(this.#drawn.target, this.#version, CLIENT_LEFT);
    this.#trace?.end(CLIENT_LEFT);
    this.#outcome.left(this.#deps.ticks() - this.#startedAt, this.#fallback !== undefined);
  }
}

function triedOf(answer: PoolAnswer): Tried {
  return answer === "lost"
    ? { status: 500, error: "the model's worker died on this request, twice" }
    : answer;
}

/** Who sent a request, where the rule keeps callers on one variant. */
function callerOf(headers: IncomingHttpHeaders, { sticky }: TrafficRule): string | undefined {
  if (sticky === undefined) return undefined;
  const value = headers[sticky.header.toLowerCase()];
  return typeof value === "string" ? value : undefined;
}
