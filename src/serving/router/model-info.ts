import type { ServerResponse } from "node:http";
import { sendJson, sendProtocolError } from "./answers.ts";
import type { PredictionDeps } from "./prediction-deps.ts";
import type { PredictionRoute } from "./routes.ts";
import type { VariantPool } from "./variant-pool.ts";

export type InfoRoute = Exclude<PredictionRoute, { kind: "infer" }>;
type InfoDeps = Pick<PredictionDeps, "rules" | "variants"> & { version: string };

/** Answers everything of Open Inference that is no inference: metadata, readiness, health. */
export function handleInfo(res: ServerResponse, route: InfoRoute, deps: InfoDeps): void {
  switch (route.kind) {
    case "server":
      return sendJson(res, 200, JSON.stringify({ name: "slipway", version: deps.version, extensions: [] }));
    case "live":
      return sendJson(res, 200, '{"live":true}');
    case "ready":
      return sendReady(res, deps);
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
      return sendProtocolError(res, 404, "this address isn't part of Open Inference V1 or V2");
  }
}

/** The server is ready when every service's champion is. */
function sendReady(res: ServerResponse, deps: InfoDeps): void {
  const ready = deps.rules.services().every((service) => poolOf(service, undefined, deps)?.isReady === true);
  sendJson(res, ready ? 200 : 503, JSON.stringify({ ready }));
}

function sendModel(
  res: ServerResponse,
  route: Extract<InfoRoute, { kind: "metadata" | "model-ready" }>,
  deps: InfoDeps,
): void {
  const pool = poolOf(route.model, route.version, deps);
  if (pool === undefined) {
    const version = route.version === undefined ? "" : ` in version ${route.version}`;
    return sendProtocolError(
      res,
      404,
      `no service serves a model named ${JSON.stringify(route.model)}${version}`,
    );
  }
  const ready = pool.isReady;
  if (route.kind === "model-ready")
    return sendJson(res, ready ? 200 : 503, JSON.stringify({ name: route.model, ready }));
  if (route.protocol === "v1")
    return sendJson(res, ready ? 200 : 503, JSON.stringify({ name: route.model, ready }));
  if (pool.metadata === undefined) return sendProtocolError(res, 503, "the model isn't loaded yet");
  const { inputs, outputs } = pool.metadata;
  const versions = deps.variants
    .specs()
    .flatMap((spec) => (spec.service === route.model ? [String(spec.version)] : []));
  return sendJson(
    res,
    200,
    JSON.stringify({ name: route.model, versions, platform: "onnxruntime_onnx", inputs, outputs }),
  );
}

function poolOf(service: string, version: number | undefined, deps: InfoDeps): VariantPool | undefined {
  const rule = deps.rules.find(service)?.rule;
  if (rule === undefined) return undefined;
  return deps.variants.find({ service, version: version ?? rule.champion });
}
