import type { IncomingMessage, ServerResponse } from "node:http";
import { FRAME_KIND } from "../frames.ts";
import { sendJson, sendProtocolError } from "./answers.ts";
import type { Headers } from "./answers.ts";
import { assign } from "./assign.ts";
import type { RuleInForce } from "./assign.ts";
import { draw } from "./draw.ts";
import type { TrafficRule } from "../backend.ts";
import type { InferTarget, PredictionDeps } from "./prediction-deps.ts";
import { ShadowPair } from "./shadow-pair.ts";
import { SingleOutcome } from "./unit-outcome.ts";
import type { DrawnUnit, UnitOutcome } from "./unit-outcome.ts";
import type { PoolAnswer, PoolRequest } from "./variant-pool.ts";

/** What came of one try: a worker's answer, or why there is none. */
type Tried =
  | { status: number; body: Buffer; prediction: string }
  | { status: number; error: string; headers?: Headers };

const RETRY_SOON = { "retry-after": "1" };

/** One unit of traffic, from its assignment to its outcome. */
export class Unit {
  readonly #res: ServerResponse;
  readonly #deps: PredictionDeps;
  readonly #drawn: DrawnUnit;
  readonly #rule: TrafficRule;
  readonly #body: Buffer;
  readonly #outcome: UnitOutcome;
  readonly #startedAt: number;
  readonly #timer: NodeJS.Timeout;
  /** Asked now; the one that answers in the end. */
  #version: number;
  #request: PoolRequest | undefined;
  #fallback: { version: number; status: number } | undefined;
  #isDone = false;

  private constructor(
    res: ServerResponse,
    drawn: DrawnUnit,
    { rule }: RuleInForce,
    body: Buffer,
    deps: PredictionDeps,
  ) {
    this.#res = res;
    this.#deps = deps;
    this.#drawn = drawn;
    this.#rule = rule;
    this.#body = body;
    this.#startedAt = deps.ticks();
    this.#timer = setTimeout(() => this.#timeOut(), rule.timeoutMs);
    res.on("close", () => this.#left());
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
    pair.send(body, rule.timeoutMs);
  }

  /** Draws the request's variant by the rule in force now, and answers it. */
  static begin(
    req: IncomingMessage,
    res: ServerResponse,
    target: InferTarget,
    requestId: string,
    body: Buffer,
    deps: PredictionDeps,
  ): void {
    const { model, version } = target;
    const inForce = deps.rules.find(model);
    if (inForce === undefined)
      return sendProtocolError(res, 404, `service ${JSON.stringify(model)} was removed`);
    const drawn =
      version === undefined
        ? draw(inForce, callerOf(req, inForce.rule), body.length, deps)
        : { assignment: assign(inForce, deps.random()), isRepeat: false };
    return void new Unit(res, { ...drawn, requestId, target }, inForce, body, deps);
  }

  #try(): void {
    const { target } = this.#drawn;
    const pool = this.#deps.variants.find({ service: target.model, version: this.#version });
    if (pool === undefined || pool.isFull(this.#body.length)) {
      const why = pool === undefined ? "isn't prepared" : "has more requests than it can hold";
      const error = `version ${this.#version} of ${JSON.stringify(target.model)} ${why}`;
      return this.#tried({ status: 503, error, headers: RETRY_SOON });
    }
    this.#request = pool.request(FRAME_KIND[target.protocol], this.#body, this.#rule.timeoutMs, (answer) =>
      this.#tried(triedOf(answer)),
    );
    return undefined;
  }

  #tried(tried: Tried): void {
    if (this.#isDone) return;
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
    const headers: Headers = { "x-slipway-variant": String(this.#version) };
    if (this.#fallback !== undefined) headers["x-slipway-fallback"] = String(this.#fallback.version);
    if ("error" in tried)
      sendProtocolError(this.#res, tried.status, tried.error, { ...headers, ...tried.headers });
    else sendJson(this.#res, tried.status, tried.body as unknown as Uint8Array, headers);
    this.#outcome.answered({
      version: this.#version,
      status: tried.status,
      prediction: "error" in tried ? "" : tried.prediction,
      milliseconds: this.#deps.ticks() - this.#startedAt,
      ...(this.#fallback === undefined ? {} : { fallback: this.#fallback }),
    });
  }

  #timeOut(): void {
    this.#request?.cancel();
    this.#answer({ status: 504, error: `no answer within ${this.#rule.timeoutMs} ms (serving.timeout)` });
  }

  #left(): void {
    if (this.#isDone) return;
    this.#isDone = true;
    clearTimeout(this.#timer);
    this.#request?.cancel();
    this.#outcome.left(this.#deps.ticks() - this.#startedAt, this.#fallback !== undefined);
  }
}

function triedOf(answer: PoolAnswer): Tried {
  return answer === "lost"
    ? { status: 500, error: "the model's worker died on this request, twice" }
    : answer;
}

/** Who sent a request, where the rule keeps callers on one variant. */
function callerOf(req: IncomingMessage, { sticky }: TrafficRule): string | undefined {
  if (sticky === undefined) return undefined;
  const value = req.headers[sticky.header.toLowerCase()];
  return typeof value === "string" ? value : undefined;
}
