import type { IncomingMessage, ServerResponse } from "node:http";
import { sendJson, sendProtocolError } from "./answers.ts";
import { isServerReady, modelFacts, poolOf, unknownModel } from "./model-facts.ts";
import type { FactDeps } from "./model-facts.ts";
import type { PredictionRoute } from "./routes.ts";
import { load, refuseUnload, sendIndex } from "./repository.ts";

export type InfoRoute = Exclude<PredictionRoute, { kind: "infer" }>;
type InfoDeps = FactDeps & { version: string };

const RETRY_SOON = { "retry-after": "1" };
/** Of Open Inference, by the names that Triton gave them. */
const EXTENSIONS = ["binary_tensor_data", "model_repository"];

/** Answers everything of Open Inference that is no inference: metadata, readiness, health, the repository. */
export function handleInfo(
  req: IncomingMessage,
  res: ServerResponse,
  route: InfoRoute,
  deps: InfoDeps,
): void {
  switch (route.kind) {
    case "server":
      return sendJson(
        res,
        200,
        JSON.stringify({ name: "slipway", version: deps.version, extensions: EXTENSIONS }),
      );
    case "ping":
      return sendPing(res, route.model, deps);
    case "repository-index":
      return sendIndex(req, res, deps);
    case "load":
      return load(req, res, route.model, deps);
    case "unload":
      return refuseUnload(res, route.model, deps);
    case "live":
      return sendJson(res, 200, '{"live":true}');
    case "ready":
      return sendReady(res, deps);
    case "services-ready":
      return sendServicesReady(res, route.model, deps);
    case "models":
      return sendJson(res, 200, JSON.stringify({ models: deps.rules.services() }));
    case "model-ready":
    case "metadata":
      return sendModel(res, route, deps);
    case "unimplemented":
      return sendProtocolError(res, 501, `${route.what} isn't supported`);
    case "wrong-method":
      return sendProtocolError(res, 405, `${route.allowed} is needed here`, { allow: route.allowed });
    default:
      return sendProtocolError(
        res,
        404,
        "this address isn't part of Open Inference V1 or V2, or of MLflow's scoring protocol",
      );
  }
}

function sendReady(res: ServerResponse, deps: InfoDeps): void {
  const ready = isServerReady(deps);
  sendJson(res, ready ? 200 : 503, JSON.stringify({ live: true, ready }));
}

/** Without names: whoever looks after the platform asks without a token. */
function sendServicesReady(res: ServerResponse, model: string | undefined, deps: InfoDeps): void {
  const isReady = (service: string) => poolOf(service, undefined, deps)?.isReady === true;
  const services = deps.rules.services();
  if (model === undefined) {
    const notReady = services.filter((service) => !isReady(service)).length;
    const body = JSON.stringify({ ready: notReady === 0, services: services.length, notReady });
    return sendJson(res, notReady === 0 ? 200 : 503, body, notReady === 0 ? {} : RETRY_SOON);
  }
  if (!services.includes(model)) return sendProtocolError(res, 404, unknownModel(model, undefined));
  const ready = isReady(model);
  return sendJson(res, ready ? 200 : 503, JSON.stringify({ name: model, ready }), ready ? {} : RETRY_SOON);
}

/** As MLflow's scoring server: an empty line, and the status that says it. */
function sendPing(res: ServerResponse, model: string | undefined, deps: InfoDeps): void {
  if (model === undefined) return sendJson(res, isServerReady(deps) ? 200 : 503, "\n");
  const isKnown = deps.rules.find(model) !== undefined;
  const isReady = poolOf(model, undefined, deps)?.isReady === true;
  return sendJson(res, isKnown ? (isReady ? 200 : 503) : 404, "\n");
}

function sendModel(
  res: ServerResponse,
  route: Extract<InfoRoute, { kind: "metadata" | "model-ready" }>,
  deps: InfoDeps,
): void {
  const pool = poolOf(route.model, route.version, deps);
  if (pool === undefined) return sendProtocolError(res, 404, unknownModel(route.model, route.version));
  const ready = pool.isReady;
  if (route.kind === "model-ready")
    return sendJson(res, ready ? 200 : 503, JSON.stringify({ name: route.model, ready }));
  if (route.protocol === "v1")
    return sendJson(res, ready ? 200 : 503, JSON.stringify({ name: route.model, ready }));
  const facts = modelFacts(route.model, pool, deps);
  if (facts === undefined)
    return sendProtocolError(res, 503, "the model isn't loaded yet", { "retry-after": "1" });
  return sendJson(res, 200, JSON.stringify(facts));
}
