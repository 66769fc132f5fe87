/** What a request to a prediction path asks for. */
export type PredictionRoute =
  | { kind: "infer"; protocol: "v1" | "v2"; model: string; version?: number }
  /** MLflow's scoring protocol. `model` is undefined where the path names none: the only one that is served. */
  | { kind: "infer"; protocol: "invocations"; model: string | undefined }
  | { kind: "metadata"; protocol: "v1" | "v2"; model: string; version?: number }
  | { kind: "model-ready"; model: string; version?: number }
  /** MLflow's health check: of one service, or of all. */
  | { kind: "ping"; model?: string }
  | { kind: "repository-index" }
  | { kind: "load" | "unload"; model: string }
  | { kind: "server" }
  | { kind: "live" }
  | { kind: "ready" }
  /** Ours, for probes that know no protocol: of one service, or of all. */
  | { kind: "services-ready"; model?: string }
  | { kind: "models"; protocol: "v1" | "v2" }
  | { kind: "unimplemented"; what: string }
  | { kind: "wrong-method"; allowed: string }
  | { kind: "unknown" };

/** Whether the path of a request belongs to predictions, which serve answers itself. `path` may carry a query. */
export function isPredictionPath(path: string): boolean {
  return (
    path.startsWith("/v2/") ||
    path.startsWith("/v1/models/") ||
    path.startsWith("/endpoints/") ||
    path.startsWith("/ready/") ||
    /^\/(?:v2|v1\/models|health\/live|invocations|ping|ready)\/?(?:\?|$)/.test(path)
  );
}

/** Reads method and path (with or without a query) as a route of Open Inference V1 or V2, or of MLflow's scoring server. */
export function parseRoute(method: string, url: string): PredictionRoute {
  const query = url.indexOf("?");
  const segments = (query === -1 ? url : url.slice(0, query)).split("/").slice(1);
  if (segments.at(-1) === "") segments.pop();
  const [root, ...rest] = segments;
  if (root === "health") return get(method, { kind: "live" });
  if (root === "v2") return parseV2(method, rest);
  if (root === "endpoints") return parseEndpoint(method, rest);
  if (root === "ready") return parseReady(method, rest);
  if (root === "ping" && rest.length === 0) return get(method, { kind: "ping" });
  if (root === "invocations" && rest.length === 0)
    return post(method, { kind: "infer", protocol: "invocations", model: undefined });
  return root === "v1" && rest[0] === "models" ? parseV1(method, rest.slice(1)) : { kind: "unknown" };
}

/** Addresses that are kept with what they mean; callers send to few. */
const MAX_ROUTES = 1_024;

/** parseRoute, which remembers what was posted: reading an address anew takes as long as drawing the variant. */
export function createRouteReader(): typeof parseRoute {
  const known = new Map<string, PredictionRoute>();
  return (method, url) => {
    if (method !== "POST") return parseRoute(method, url);
    let route = known.get(url);
    if (route !== undefined) return route;
    route = parseRoute(method, url);
    if (route.kind !== "infer") return route;
    if (known.size >= MAX_ROUTES) known.clear();
    known.set(url, route);
    return route;
  };
}

function parseReady(method: string, [encoded, ...more]: string[]): PredictionRoute {
  if (encoded === undefined) return get(method, { kind: "services-ready" });
  const model = decode(encoded);
  if (model === undefined || more.length > 0) return { kind: "unknown" };
  return get(method, { kind: "services-ready", model });
}

function parseV2(method: string, [area, ...rest]: string[]): PredictionRoute {
  if (area === undefined) return get(method, { kind: "server" });
  if (area === "health" && rest.length === 1) {
    if (rest[0] === "live") return get(method, { kind: "live" });
    if (rest[0] === "ready") return get(method, { kind: "ready" });
  }
  if (area === "repository") return parseRepository(method, rest);
  const extension = EXTENSIONS.get(area);
  if (extension !== undefined) return { kind: "unimplemented", what: `the ${extension} extension` };
  if (area !== "models") return { kind: "unknown" };
  const [encoded, ...tail] = rest;
  if (encoded === undefined) return get(method, { kind: "models", protocol: "v2" });
  const model = decode(encoded);
  if (model === undefined) return { kind: "unknown" };
  let target: { model: string; version?: number } = { model };
  if (tail[0] === "versions") {
    const version = tail[1] !== undefined && /^[1-9]\d{0,8}$/.test(tail[1]) ? Number(tail[1]) : undefined;
    if (version === undefined) return { kind: "unknown" };
    target = { model, version };
    tail.splice(0, 2);
  }
  const [action] = tail;
  if (tail.length > 1) return { kind: "unknown" };
  if (action === undefined) return get(method, { kind: "metadata", protocol: "v2", ...target });
  if (action === "ready") return get(method, { kind: "model-ready", ...target });
  if (action === "infer") return post(method, { kind: "infer", protocol: "v2", ...target });
  return { kind: "unimplemented", what: `/${action}` };
}

/** Of Open Inference servers by others, and not here. */
const EXTENSIONS = new Map([
  ["systemsharedmemory", "shared memory"],
  ["cudasharedmemory", "shared memory"],
  ["trace", "trace"],
  ["logging", "logging"],
]);

function parseRepository(method: string, [area, encoded, action, ...more]: string[]): PredictionRoute {
  if (area === "index" && encoded === undefined) return post(method, { kind: "repository-index" });
  const model = area === "models" && encoded !== undefined ? decode(encoded) : undefined;
  if (model === undefined || more.length > 0 || (action !== "load" && action !== "unload"))
    return { kind: "unknown" };
  return post(method, { kind: action, model });
}

/** `/endpoints/NAME/invocations` is where MLflow's deployments client sends, and SageMaker's. */
function parseEndpoint(method: string, [encoded, action, ...more]: string[]): PredictionRoute {
  const model = encoded === undefined ? undefined : decode(encoded);
  if (model === undefined || more.length > 0) return { kind: "unknown" };
  if (action === "invocations") return post(method, { kind: "infer", protocol: "invocations", model });
  if (action === "ping" || action === "health") return get(method, { kind: "ping", model });
  return { kind: "unknown" };
}

function parseV1(method: string, [encoded, ...rest]: string[]): PredictionRoute {
  if (encoded === undefined) return get(method, { kind: "models", protocol: "v1" });
  if (rest.length > 0) return { kind: "unknown" };
  // A model's own name may hold a colon; the verb is behind the last.
  const colon = encoded.lastIndexOf(":");
  const verb = colon === -1 ? undefined : encoded.slice(colon + 1);
  const model = decode(verb === "predict" || verb === "explain" ? encoded.slice(0, colon) : encoded);
  if (model === undefined) return { kind: "unknown" };
  if (verb === "explain") return { kind: "unimplemented", what: ":explain" };
  if (verb === "predict") return post(method, { kind: "infer", protocol: "v1", model });
  return get(method, { kind: "metadata", protocol: "v1", model });
}

function get(method: string, route: PredictionRoute): PredictionRoute {
  return method === "GET" || method === "HEAD" ? route : { kind: "wrong-method", allowed: "GET" };
}

function post(method: string, route: PredictionRoute): PredictionRoute {
  return method === "POST" ? route : { kind: "wrong-method", allowed: "POST" };
}

function decode(segment: string): string | undefined {
  try {
    const name = decodeURIComponent(segment);
    return name === "" ? undefined : name;
  } catch {
    return undefined;
  }
}
