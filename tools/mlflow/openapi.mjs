// docs/reference/mlflow-openapi.json: of what the mlflow package declares, the calls that are served here.
import { pattern } from "./routes.mjs";

const text = { type: "string" };
const list = (items) => ({ type: "array", items });
const query = (name, schema, required = false) => ({ name, in: "query", required, schema });
const inPath = (name) => ({ name, in: "path", required: true, schema: { type: "string", minLength: 1 } });
const FAILED = { description: "The error", content: json({ $ref: "#/components/schemas/Error" }) };
const answers = (content) => ({
  200: { description: "OK", ...(content ? { content } : {}) },
  default: FAILED,
});
const binary = (type) => ({
  required: true,
  content: { [type]: { schema: { type: "string", format: "binary" } } },
});

/** Calls that MLflow's server answers and its package doesn't declare. */
const BESIDE = {
  "/api/3.0/mlflow/server-info": {
    get: { operationId: "serverInfo", responses: answers(json({ type: "object" })) },
  },
  "/ajax-api/2.0/mlflow/get-trace-artifact": {
    get: {
      operationId: "getTraceArtifact",
      parameters: [query("request_id", text, true), query("path", text)],
      responses: answers(),
    },
  },
  "/ajax-api/2.0/mlflow/logged-models/{model_id}/artifacts/files": {
    get: {
      operationId: "getLoggedModelArtifact",
      parameters: [inPath("model_id"), query("artifact_file_path", text, true)],
      responses: answers(),
    },
  },
  "/ajax-api/2.0/mlflow/metrics/get-history-bulk": {
    get: {
      operationId: "getMetricHistoryBulk",
      parameters: [
        query("run_id", list(text), true),
        query("metric_key", text, true),
        query("max_results", { type: "integer" }),
      ],
      responses: answers(json({ type: "object" })),
    },
  },
  "/ajax-api/2.0/mlflow/upload-artifact": {
    post: {
      operationId: "uploadRunArtifact",
      parameters: [query("run_uuid", text, true), query("path", text, true)],
      requestBody: binary("application/octet-stream"),
      responses: answers(),
    },
  },
  "/v1/traces": {
    post: {
      operationId: "exportTraces",
      parameters: [{ name: "x-mlflow-experiment-id", in: "header", required: true, schema: text }],
      requestBody: {
        required: true,
        content: {
          ...binary("application/x-protobuf").content,
          ...json({ type: "object", properties: { resourceSpans: list({ type: "object" }) } }),
        },
      },
      responses: { 200: { description: "OK" }, default: { description: "The error" } },
    },
  },
};

/** `declared`: what test/python/mlflow_openapi.py prints; the rest as in the page. */
export function mlflowOpenApi({ version, served, notOffered, declared }) {
  const paths = {};
  for (const [path, calls] of Object.entries(declared.paths)) {
    const own = Object.entries(calls).filter(([method]) => {
      const route = routeOf(path, method);
      if (!served.has(route) && !notOffered.has(route))
        throw new Error(`${route} is neither served nor refused`);
      return served.has(route);
    });
    if (own.length > 0) paths[path] = Object.fromEntries(own);
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "MLflow's API as it is served here",
      description: "Made by `node tools/mlflow-table.mjs` from the mlflow package; don't edit it.",
      version,
    },
    paths: { ...paths, ...BESIDE },
    components: { schemas: reachable({ ...paths, ...BESIDE }, declared.schemas) },
  };
}

/** `METHOD /path` of every call that a document describes, spelt as in docs/mlflow.md. */
export function routesOfOpenApi(document) {
  return new Set(
    Object.entries(document.paths).flatMap(([path, calls]) =>
      Object.keys(calls).map((method) => routeOf(path, method)),
    ),
  );
}

function routeOf(path, method) {
  return `${method.toUpperCase()} ${pattern(path.replace(/^\/(ajax-)?api\/[\d.]+/, ""))}`;
}

/** The schemas that the paths name, and those that these name. */
function reachable(paths, schemas) {
  const found = new Set();
  const visit = (value) => {
    for (const [, name] of JSON.stringify(value).matchAll(/"#\/components\/schemas\/([^"]+)"/g)) {
      if (found.has(name)) continue;
      found.add(name);
      visit(schemas[name]);
    }
  };
  visit(paths);
  return Object.fromEntries([...found].toSorted().map((name) => [name, schemas[name]]));
}

function json(schema) {
  return { "application/json": { schema } };
}
