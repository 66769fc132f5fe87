import type { Readable } from "node:stream";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { bytesOf } from "../../base/bytes.ts";
import { SlipwayError, toSlipwayError } from "../../http/errors.ts";
import type { Access } from "../../http/access.ts";
import type { Caller } from "../../http/identity.ts";
import { invalid, toMlflowAnswer } from "./errors.ts";
import type { Fields } from "./fields.ts";
import { toWire } from "./json.ts";
import { parseBody } from "./parse.ts";
import { RouteTable, type Found } from "./table.ts";

/** One RPC of MLflow's API. */
export interface MlflowRoute {
  method: "GET" | "POST" | "PATCH" | "DELETE";
  /** Below `/mlflow/`, such as `runs/create`. */
  path: string;
  /** What it asks of its caller. */
  access: Access;
  /** Bytes; the default is 1 MiB. */
  maxBody?: number;
  handle: (call: MlflowCall) => Promise<object>;
}

export interface MlflowCall {
  /** The query of a GET, else the body. */
  fields: Fields;
  /** The query, whatever the method. */
  query: Fields;
  /** Parts of the path. */
  params: Readonly<Record<string, string>>;
  /** The tenant whose things the call is about. Everything that is read or written is looked for in it alone. */
  workspace: string;
  /** Who calls. */
  caller: Caller;
  /** Sets a header of the answer. */
  header(name: string, value: string): void;
  /** Sets the answer's status where it isn't 200; with 204 nothing is sent. */
  status(code: number): void;
}

/** Where the RPCs are served: both versions, for programs and for pages, and the old preview. */
const PREFIXES = [
  "/api/2.0/mlflow",
  "/api/3.0/mlflow",
  "/ajax-api/2.0/mlflow",
  "/ajax-api/3.0/mlflow",
  "/api/2.0/preview/mlflow",
  "/ajax-api/2.0/preview/mlflow",
];

/** Where a defect goes, with its stack. */
export type LogDefect = (error: unknown, where: string) => void;

declare module "fastify" {
  interface FastifyRequest {
    /** The RPC that a call of MLflow's API asks for; null until somebody has looked. */
    rpc: Found | undefined | null;
  }
}

/** Bytes of a body where its route says nothing. */
const MAX_BODY = 1024 * 1024;
const TABLE = "mlflowTable";

/** Serves the RPCs under every prefix, in MLflow's shapes. May be called by several features. */
export function mlflowRoutes(app: FastifyInstance, routes: readonly MlflowRoute[], log: LogDefect): void {
  const table = app.hasDecorator(TABLE) ? app.getDecorator<RouteTable>(TABLE) : installTable(app, log);
  table.add(routes);
  for (const { method, path, access } of routes)
    app.accessRows.push({ method, path: `/api/{2.0,3.0}/mlflow/${path}`, access, tenantFrom: "request" });
}

function installTable(app: FastifyInstance, log: LogDefect): RouteTable {
  const table = new RouteTable();
  app.decorate(TABLE, table);
  app.decorateRequest("rpc", null);
  void app.register(async (scope) => {
    mlflowScope(scope, log);
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser("*", (request, body, done) =>
      readJson(body, find(table, request)?.route.maxBody ?? MAX_BODY, done),
    );
    for (const prefix of PREFIXES) {
      scope.route({
        method: ["GET", "POST", "PATCH", "DELETE"],
        url: `${prefix}/*`,
        schema: { hide: true },
        config: { access: (request) => find(table, request)?.route.access ?? "signed-in" },
        handler(request, reply) {
          const found = find(table, request);
          return found ? answer(found.route, found.params, request, reply) : unknownRoute(request, reply);
        },
      });
    }
    // What nobody serves: clients take this answer as a sign to fall back to older calls.
    for (const prefix of ["/api/2.0", "/api/3.0", "/ajax-api/2.0", "/ajax-api/3.0"]) {
      scope.route({
        method: ["GET", "POST", "PUT", "PATCH", "DELETE"],
        url: `${prefix}/*`,
        schema: { hide: true },
        config: { access: "signed-in" },
        handler: unknownRoute,
      });
    }
  });
  return table;
}

/** The path behind the prefix, as it came: the framework has decoded its own copy. Asked for by several hooks. */
function find(table: RouteTable, request: FastifyRequest): Found | undefined {
  if (request.rpc !== null) return request.rpc;
  const prefix = request.routeOptions.url?.length ?? 0;
  request.rpc = table.find(request.method, request.url.slice(prefix - 1).split("?", 1)[0] ?? "");
  return request.rpc;
}

function unknownRoute(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const path = request.url.split("?")[0];
  return reply
    .status(404)
    .send({ error_code: "ENDPOINT_NOT_FOUND", message: `No API found for '${request.method} ${path}'` });
}

/**
 * A JSON body whatever its content type says; an empty one is the message without fields. By events: an iterator over
 * the body costs as much as the rest of a small call. What is too large is left to whoever discards it.
 */
function readJson(
  body: Readable,
  maxBytes: number,
  done: (error: Error | null, body?: unknown) => void,
): void {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  const over = (error: Error | null, message?: unknown): void => {
    body.off("data", onData);
    body.off("end", onEnd);
    body.off("error", over);
    done(error, message);
  };
  const onData = (chunk: Buffer): void => {
    bytes += chunk.length;
    chunks.push(chunk as unknown as Uint8Array);
    if (bytes <= maxBytes) return;
    body.pause();
    over(invalid(`The request's body exceeds ${maxBytes} bytes.`));
  };
  const onEnd = (): void => {
    const [first] = chunks;
    let message: unknown = {};
    try {
      if (first) message = parseBody(chunks.length === 1 ? first : bytesOf(Buffer.concat(chunks)));
    } catch (error) {
      return over(error as Error);
    }
    return over(null, message);
  };
  body.on("data", onData);
  body.on("end", onEnd);
  // The caller went away within its body: nothing ends it any more.
  body.on("error", over);
}

/** Makes every error below this scope answer in MLflow's shape, and every route be about the request's workspace. */
export function mlflowScope(scope: FastifyInstance, log: LogDefect): void {
  scope.addHook("onRoute", (route) => {
    route.config = { ...route.config, tenantFrom: "request" };
  });
  scope.setErrorHandler((thrown: Error & { statusCode?: number }, request, reply) => {
    const error = fromFastify(thrown);
    if (error.code === "INTERNAL") log(thrown, `${request.method} ${request.url.split("?")[0]}`);
    const { status, body } = toMlflowAnswer(error);
    if (status === 503) reply.header("retry-after", "1");
    if (status === 401) reply.header("www-authenticate", 'Basic realm="slipway"');
    return reply.status(status).send(body);
  });
}

async function answer(
  route: MlflowRoute,
  params: Record<string, string>,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const sent: unknown = request.method === "GET" ? request.query : (request.body ?? {});
  if (typeof sent !== "object" || sent === null || Array.isArray(sent)) {
    throw new SlipwayError("MLFLOW_INVALID_PARAMETER_VALUE", "The request's body must be a JSON object.");
  }
  const result = await route.handle({
    fields: sent as Fields,
    params,
    query: request.query as Fields,
    workspace: request.identity.tenant,
    caller: request.identity.caller,
    header: (name, value) => void reply.header(name, value),
    status: (code) => void reply.status(code),
  });
  return reply.type("application/json").send(toWire(result));
}

function fromFastify(thrown: Error & { statusCode?: number; code?: string }): SlipwayError {
  if (thrown instanceof SlipwayError) return thrown;
  // The caller went away within its body.
  if (thrown.code === "ECONNRESET") return invalid("The request's body ended too soon.");
  const { statusCode = 500, message } = thrown;
  if (statusCode >= 400 && statusCode < 500) {
    const text = statusCode === 413 ? "The request's body is larger than this call allows." : message;
    return new SlipwayError("MLFLOW_INVALID_PARAMETER_VALUE", text);
  }
  return toSlipwayError(thrown);
}
