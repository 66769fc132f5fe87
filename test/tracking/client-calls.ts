import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { RouteTable } from "../../src/tracking/wire/table.ts";

/** Where `node tools/mlflow-table.mjs` finds what the tests' clients called. */
const FOLDER = fileURLToPath(new URL("../../.cache/mlflow-calls/", import.meta.url));

/** Who called, by the User-Agent: MLflow's own client, its tracing's exporter, or a test that compares two servers. */
const CALLERS: readonly [RegExp, string][] = [
  [/^mlflow-python-client\//, "client"],
  [/^OTel-OTLP-Exporter-Python\//, "client"],
  [/^mlflow-differential/, "differential"],
];

let written = 0;

/**
 * Notes which RPCs are called, with success, by the real client or by a differential test, and writes them down when
 * the application closes: docs/mlflow.md counts an RPC as supported only when it was.
 */
export function noteClientCalls(app: FastifyInstance): void {
  const calls = new Set<string>();
  app.addHook("onResponse", async (request, reply) => {
    if (reply.statusCode >= 300) return;
    const agent = request.headers["user-agent"] ?? "";
    const caller = CALLERS.find(([pattern]) => pattern.test(agent))?.[1];
    if (caller !== undefined) calls.add(`${caller} ${request.method} ${routeOf(app, request)}`);
  });
  app.addHook("onClose", async () => {
    if (calls.size === 0) return;
    mkdirSync(FOLDER, { recursive: true });
    const file = join(FOLDER, `${process.pid}-${Date.now()}-${written++}.json`);
    writeFileSync(file, JSON.stringify([...calls].toSorted()));
  });
}

/** `/mlflow/runs/create`, `/mlflow-artifacts/artifacts/*`: the path without version, its parameters as `*`. */
function routeOf(app: FastifyInstance, request: FastifyRequest): string {
  const url = request.routeOptions.url ?? request.url;
  const prefix = /^\/(?:ajax-)?api\/[\d.]+(?:\/preview)?(?=\/mlflow\/\*$)/.exec(url)?.[0];
  if (prefix === undefined) return url.replace(/^\/(?:ajax-)?api\/[\d.]+/, "").replace(/:\w+/g, "*");
  const path = request.url.slice(`${prefix}/mlflow/`.length).split("?", 1)[0] ?? "";
  const found = app.getDecorator<RouteTable>("mlflowTable").find(request.method, path);
  return `/mlflow/${found?.route.path.replace(/:\w+/g, "*") ?? path}`;
}
