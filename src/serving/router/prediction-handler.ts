import type { IncomingMessage, ServerResponse } from "node:http";
import type { TrafficRule } from "../backend.ts";
import { REQUEST_ID, VARIANT_HEADER } from "../request-id.ts";
import { bodyKind } from "./body-kind.ts";
import type { BodyKind } from "./body-kind.ts";
import { callerTimeout } from "./deadline.ts";
import type { InferTarget, PredictionDeps } from "./prediction-deps.ts";
import type { PredictionRoute } from "./routes.ts";
import { readBody } from "./read-body.ts";
import type { BodyRead } from "./read-body.ts";
import { refuseTarget } from "./refusal.ts";
import type { Refusal } from "./refusal.ts";
import { HttpReply } from "./reply.ts";
import { CLIENT_LEFT } from "./request-counts.ts";
import type { TracedRequest } from "../tracing/prediction-trace.ts";
import { routeTemplate } from "../tracing/route-template.ts";
import { Unit } from "./unit.ts";

type InferRoute = Extract<PredictionRoute, { kind: "infer" }>;

/** A larger body than this isn't read to its end only to be thrown away. */
const MAX_DISCARDED_BYTES = 64 * 1024 * 1024;
const TOO_LARGE = 413;
const RETRY_SOON = { "retry-after": "1" };

/** Answers one inference request: chooses the variant, forwards the body, counts what became of it. */
export function handleInfer(
  req: IncomingMessage,
  res: ServerResponse,
  route: InferRoute,
  deps: PredictionDeps,
): void {
  const given = req.headers["x-slipway-request-id"];
  const requestId = typeof given === "string" && REQUEST_ID.test(given) ? given : deps.newRequestId();
  const reply = new HttpReply(res, route.protocol, requestId);
  const trace = deps.tracer?.begin(tracedRequest(req, route, requestId), req.headers);
  const target = targetOf(route, deps);
  if ("status" in target) {
    deps.requests.count({ protocol: route.protocol, model: "" }, undefined, target.status, false);
    trace?.end(target.status);
    return reply.fail(target.status, target.message, {});
  }
  const rule = deps.rules.find(target.model)?.rule;
  const head = takeHead(req, target, rule, deps);
  if ("status" in head || rule === undefined) {
    const { status, message } = "status" in head ? head : { status: 404, message: "unknown" };
    deps.requests.count(target, undefined, status, rule !== undefined);
    trace?.end(status);
    return reply.fail(status, message, status === 503 ? RETRY_SOON : {});
  }
  const { kind, prefix, timeoutMs } = head;
  const taken = (read: BodyRead) => {
    const body = usableBody(read, rule, reply);
    if (body === undefined) {
      const status = read === "aborted" ? CLIENT_LEFT : TOO_LARGE;
      trace?.end(status);
      return deps.requests.count(target, undefined, status);
    }
    const asked = namedTarget(target, rule, req.headers);
    return Unit.begin(
      reply,
      { target: asked, requestId, kind, body, headers: req.headers, timeoutMs, trace },
      deps,
    );
  };
  return readBody(req, rule.maxBodyBytes, taken, prefix);
}

function tracedRequest(req: IncomingMessage, route: InferRoute, requestId: string): TracedRequest {
  const [path] = (req.url ?? "").split("?");
  return {
    requestId,
    protocol: route.protocol,
    route: routeTemplate(route),
    path,
    host: req.headers.host,
  };
}

/** MLflow's scoring server serves one model, so its path may name none. */
function targetOf(route: InferRoute, { rules }: PredictionDeps): InferTarget | Refusal {
  const { model } = route;
  if (model !== undefined) return { ...route, model };
  const services = rules.services();
  const [only] = services;
  if (only !== undefined && services.length === 1) return { protocol: "invocations", model: only };
  const which =
    services.length === 0 ? "no model is served yet" : `${services.length} models are served here`;
  return { status: 404, message: `${which}: POST /endpoints/MODEL/invocations names one` };
}

/** Behind a gateway a request that names its variant comes by a route of its own: its weights didn't choose it. */
function namedTarget(
  target: InferTarget,
  { champion, divided }: TrafficRule,
  headers: IncomingMessage["headers"],
): InferTarget {
  return divided !== undefined && headers[VARIANT_HEADER] !== undefined
    ? { ...target, version: champion }
    : target;
}

/** What can be refused before the body is read, else what it is. */
function takeHead(
  req: IncomingMessage,
  target: InferTarget,
  rule: TrafficRule | undefined,
  deps: PredictionDeps,
): (BodyKind & { timeoutMs: number | undefined }) | Refusal {
  const refusal = refuseTarget(target, rule, deps);
  if (refusal !== undefined) return refusal;
  const body = bodyKind(target, req.headers);
  if ("status" in body) return body;
  const timeoutMs = callerTimeout(req.headers);
  if (timeoutMs === "malformed")
    return {
      status: 400,
      message: "the deadline can't be read: grpc-timeout is digits and a unit, such as 250m",
    };
  return { kind: body.kind, ...(body.prefix && { prefix: body.prefix }), timeoutMs };
}

function usableBody(read: BodyRead, rule: TrafficRule, reply: HttpReply): Buffer | undefined {
  if (read === "aborted") return undefined;
  if ("body" in read) return read.body;
  const message = `the body is larger than ${rule.maxBodyBytes} bytes (serving.maxBody)`;
  reply.fail(413, message, read.tooLarge > MAX_DISCARDED_BYTES ? { connection: "close" } : {});
  return undefined;
}
