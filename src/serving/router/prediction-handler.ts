import type { IncomingMessage, ServerResponse } from "node:http";
import type { TrafficRule } from "../backend.ts";
import { FRAME_KIND } from "../frames.ts";
import { REQUEST_ID } from "../request-id.ts";
import { sendProtocolError } from "./answers.ts";
import type { InferTarget, PredictionDeps } from "./prediction-deps.ts";
import { readBody } from "./read-body.ts";
import type { BodyRead } from "./read-body.ts";
import { refuseTarget } from "./refusal.ts";
import type { Refusal } from "./refusal.ts";
import { HttpReply } from "./reply.ts";
import { Unit } from "./unit.ts";

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
    if (body === undefined) return;
    const kind = FRAME_KIND[target.protocol];
    Unit.begin(new HttpReply(res), { target, requestId, kind, body, headers: req.headers }, deps);
  });
}

/** What can be refused before the body is read. */
function refuse(
  req: IncomingMessage,
  target: InferTarget,
  rule: TrafficRule | undefined,
  deps: PredictionDeps,
): Refusal | undefined {
  const refusal = refuseTarget(target, rule, deps);
  if (refusal !== undefined) return refusal;
  if (req.headers["inference-header-content-length"] !== undefined)
    return { status: 501, message: "the binary data extension isn't supported; send and ask for JSON data" };
  if ((req.headers["content-encoding"] ?? "identity") !== "identity")
    return { status: 415, message: "compressed bodies aren't supported" };
  return undefined;
}

function usableBody(read: BodyRead, rule: TrafficRule, res: ServerResponse): Buffer | undefined {
  if (read === "aborted") return undefined;
  if ("body" in read) return read.body;
  const message = `the body is larger than ${rule.maxBodyBytes} bytes (serving.maxBody)`;
  sendProtocolError(res, 413, message, read.tooLarge > MAX_DISCARDED_BYTES ? { connection: "close" } : {});
  return undefined;
}
