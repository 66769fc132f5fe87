import type { IncomingMessage, ServerResponse } from "node:http";
import type { TrafficRule } from "../backend.ts";
import { FRAME_KIND } from "../frames.ts";
import type { PredictionRecord } from "../outcomes.ts";
import { sendJson, sendProtocolError } from "./answers.ts";
import { assign, stickyPoint } from "./assign.ts";
import type { Assignment } from "./assign.ts";
import type { OutcomeCell, OutcomeCounters } from "./outcome-counters.ts";
import type { SeenCallers } from "./seen-callers.ts";
import type { PredictionLog } from "./prediction-log.ts";
import type { ShadowCounters } from "./shadow-counters.ts";
import { readBody } from "./read-body.ts";
import type { BodyRead } from "./read-body.ts";
import type { RuleBook } from "./rule-book.ts";
import type { PoolAnswer, VariantPool } from "./variant-pool.ts";
import type { Variants } from "./variants.ts";

export interface PredictionDeps {
  rules: RuleBook;
  variants: Variants;
  outcomes: OutcomeCounters;
  shadows: ShadowCounters;
  seen: SeenCallers;
  log: PredictionLog;
  /** Milliseconds since the epoch. */
  now(): number;
  /** Milliseconds of a clock that never goes back. */
  ticks(): number;
  /** In [0, 1). */
  random(): number;
  newRequestId(): string;
}

export interface InferTarget {
  protocol: "v1" | "v2";
  model: string;
  /** From the path: this version, assigned by nobody, in no test. */
  version?: number;
}

const REQUEST_ID = /^[A-Za-z0-9._-]{1,128}$/;
/** A larger body than this isn't read to its end only to be thrown away. */
const MAX_DISCARDED_BYTES = 64 * 1024 * 1024;
const RETRY_SOON = { "retry-after": "1" };

/** Answers one inference request: chooses the variant, forwards the body, counts what became of it. */
export function handleInfer(
  req: IncomingMessage,
  res: ServerResponse,
  target: InferTarget,
  deps: PredictionDeps,
): void {
  const given = req.headers["x-slipway-request-id"];
  const requestId = typeof given === "string" && REQUEST_ID.test(given) ? given : deps.newRequestId();
  res.setHeader("x-slipway-request-id", requestId);
  const rule = deps.rules.find(target.model)?.rule;
  const refusal = refuse(req, target, rule, deps);
  if (refusal !== undefined || rule === undefined) {
    const { status, message } = refusal ?? { status: 404, message: "unknown" };
    sendProtocolError(res, status, message, status === 503 ? RETRY_SOON : {});
    return;
  }
  readBody(req, rule.maxBodyBytes, (read) => {
    const body = usableBody(read, rule, res);
    if (body !== undefined) new Unit(req, res, target, requestId, deps).begin(body);
  });
}

/** What can be refused before the body is read; counted nowhere, since no variant was chosen. */
function refuse(
  req: IncomingMessage,
  target: InferTarget,
  rule: TrafficRule | undefined,
  deps: PredictionDeps,
): { status: number; message: string } | undefined {
  const name = JSON.stringify(target.model);
  if (rule === undefined) return { status: 404, message: `no service serves a model named ${name}` };
  if (!rule.protocols.includes(target.protocol))
    return {
      status: 404,
      message: `service ${name} doesn't speak ${target.protocol}; it speaks ${rule.protocols.join(", ")}`,
    };
  if (req.headers["inference-header-content-length"] !== undefined)
    return { status: 501, message: "the binary data extension isn't supported; send and ask for JSON data" };
  if ((req.headers["content-encoding"] ?? "identity") !== "identity")
    return { status: 415, message: "compressed bodies aren't supported" };
  if (
    target.version !== undefined &&
    deps.variants.find({ service: target.model, version: target.version }) === undefined
  )
    return { status: 404, message: `version ${target.version} of ${name} isn't prepared` };
  // The whole service: a challenger alone that is full counts against the challenger, below.
  const arms = [rule.champion, rule.challenger].flatMap((version) =>
    version === undefined ? [] : (deps.variants.find({ service: target.model, version }) ?? []),
  );
  const isFull = target.version === undefined && arms.length > 0 && arms.every((pool) => pool.isFull(0));
  return isFull ? { status: 503, message: `service ${name} has more requests than it can hold` } : undefined;
}

function usableBody(read: BodyRead, rule: TrafficRule, res: ServerResponse): Buffer | undefined {
  if (read === "aborted") return undefined;
  if ("body" in read) return read.body;
  const message = `the body is larger than ${rule.maxBodyBytes} bytes (serving.maxBody)`;
  sendProtocolError(res, 413, message, read.tooLarge > MAX_DISCARDED_BYTES ? { connection: "close" } : {});
  return undefined;
}

/** One unit of traffic, from its assignment to its outcome. */
class Unit {
  readonly #req: IncomingMessage;
  readonly #res: ServerResponse;
  readonly #target: InferTarget;
  readonly #requestId: string;
  readonly #deps: PredictionDeps;
  #assignment: Assignment | undefined;
  #cell: OutcomeCell | undefined;
  #version = 0;
  #isRepeat = false;
  #startedAt = 0;
  #isDone = false;

  constructor(
    req: IncomingMessage,
    res: ServerResponse,
    target: InferTarget,
    requestId: string,
    deps: PredictionDeps,
  ) {
    this.#req = req;
    this.#res = res;
    this.#target = target;
    this.#requestId = requestId;
    this.#deps = deps;
  }

  begin(body: Buffer): void {
    const { model, protocol } = this.#target;
    const inForce = this.#deps.rules.find(model);
    if (inForce === undefined)
      return sendProtocolError(this.#res, 404, `service ${JSON.stringify(model)} was removed`);
    this.#startedAt = this.#deps.ticks();
    this.#assign(inForce);
    const pool = this.#deps.variants.find({ service: model, version: this.#version });
    if (pool === undefined || pool.isFull(body.length)) return this.#overloaded(pool);
    const { timeoutMs } = inForce.rule;
    const request = pool.request(FRAME_KIND[protocol], body, timeoutMs, (answer) => {
      clearTimeout(timer);
      this.#answer(answer);
    });
    const timer = setTimeout(() => {
      request.cancel();
      this.#fail(504, `no answer within ${timeoutMs} ms (serving.timeout)`);
    }, timeoutMs);
    this.#res.on("close", () => {
      clearTimeout(timer);
      if (this.#isDone) return;
      request.cancel();
      this.#abort();
    });
    return undefined;
  }

  #assign(inForce: NonNullable<ReturnType<RuleBook["find"]>>): void {
    const { model, version } = this.#target;
    const { rule } = inForce;
    const sticky =
      rule.sticky === undefined ? undefined : this.#req.headers[rule.sticky.header.toLowerCase()];
    const point = typeof sticky === "string" ? stickyPoint(rule, sticky) : this.#deps.random();
    const assignment = assign(inForce, point);
    this.#isRepeat =
      version === undefined && typeof sticky === "string" && !this.#deps.seen.isFirst(rule, sticky);
    // Counted for people under an epoch that no commit has, so that no test takes it.
    this.#assignment = this.#isRepeat ? { ...assignment, epoch: `${assignment.epoch}~` } : assignment;
    this.#version = version ?? this.#assignment.version;
    if (version === undefined) this.#cell = this.#deps.outcomes.start(model, this.#assignment);
    this.#res.setHeader("x-slipway-variant", String(this.#version));
  }

  #overloaded(pool: VariantPool | undefined): void {
    const why = pool === undefined ? "isn't prepared" : "has more requests than it can hold";
    this.#fail(503, `version ${this.#version} of ${JSON.stringify(this.#target.model)} ${why}`, RETRY_SOON);
  }

  #answer(answer: PoolAnswer): void {
    if (answer === "lost") return this.#fail(500, "the model's worker died on this request, twice");
    sendJson(this.#res, answer.status, answer.body as unknown as Uint8Array);
    this.#finish(answer.status, answer.prediction);
    return undefined;
  }

  #fail(status: number, message: string, headers: Record<string, string> = {}): void {
    sendProtocolError(this.#res, status, message, headers);
    this.#finish(status, "");
  }

  #finish(status: number, prediction: string): void {
    if (this.#isDone) return;
    this.#isDone = true;
    const milliseconds = this.#deps.ticks() - this.#startedAt;
    if (this.#cell !== undefined) this.#deps.outcomes.finish(this.#cell, status >= 400, milliseconds);
    this.#record(status, prediction);
  }

  #abort(): void {
    this.#isDone = true;
    if (this.#cell !== undefined) this.#deps.outcomes.abort(this.#cell, this.#deps.ticks() - this.#startedAt);
  }

  #record(status: number, prediction: string): void {
    if (this.#assignment === undefined) return;
    const { model, version } = this.#target;
    const { epoch, share, arm } = this.#assignment;
    const record: PredictionRecord = {
      requestId: this.#requestId,
      at: this.#deps.now(),
      service: model,
      version: this.#version,
      epoch,
      share,
      arm,
      status,
    };
    if (prediction !== "") record.prediction = JSON.parse(prediction) as (string | number)[];
    if (version !== undefined || this.#isRepeat) record.direct = true;
    this.#deps.log.add(record);
  }
}
