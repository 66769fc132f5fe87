import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { SlipwayError, toSlipwayError } from "../../http/errors.ts";
import { toMlflowAnswer } from "./errors.ts";
import type { Fields } from "./fields.ts";
import { toWire } from "./json.ts";

/** One RPC of MLflow's API. */
export interface MlflowRoute {
  method: "GET" | "POST" | "PATCH" | "DELETE";
  /** Below `/mlflow/`, such as `runs/create`. */
  path: string;
  /** Bytes; the default is 1 MiB. */
  maxBody?: number;
  handle: (call: MlflowCall) => Promise<object>;
}

export interface MlflowCall {
  /** The query of a GET, else the body. */
  fields: Fields;
  /** Parts of the path. */
  params: Readonly<Record<string, string>>;
  /** Sets a header of the answer. */
  header(name: string, value: string): void;
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

/** Serves the RPCs under every prefix, in MLflow's shapes. */
export function mlflowRoutes(app: FastifyInstance, routes: readonly MlflowRoute[], log: LogDefect): void {
  void app.register(async (scope) => {
    mlflowErrors(scope, log);
    // Clients send `content-type: application/json` with an empty body where a message has no fields.
    scope.removeContentTypeParser("application/json");
    scope.addContentTypeParser("application/json", { parseAs: "string" }, (_, body, done) => {
      try {
        done(null, body === "" ? {} : JSON.parse(body as string));
      } catch {
        done(new SlipwayError("MLFLOW_INVALID_PARAMETER_VALUE", "The request's body is not valid JSON."));
      }
    });
    for (const route of routes) {
      for (const prefix of PREFIXES) {
        scope.route({
          method: route.method,
          url: `${prefix}/${route.path}`,
          schema: { hide: true },
          ...(route.maxBody === undefined ? {} : { bodyLimit: route.maxBody }),
          handler: (request, reply) => answer(route, request, reply),
        });
      }
    }
  });
}

/** The RPCs that nobody serves, which make the client fall back to older ones. Once per application. */
export function unknownMlflowRoutes(app: FastifyInstance): void {
  for (const prefix of ["/api/2.0", "/api/3.0", "/ajax-api/2.0", "/ajax-api/3.0"]) {
    void app.register(
      async (scope) => {
        scope.setNotFoundHandler((request, reply) => {
          const path = request.url.split("?")[0];
          return reply.status(404).send({
            error_code: "ENDPOINT_NOT_FOUND",
            message: `No API found for '${request.method} ${path}'`,
          });
        });
      },
      { prefix },
    );
  }
}

/** Makes every error below this scope answer in MLflow's shape. */
export function mlflowErrors(scope: FastifyInstance, log: LogDefect): void {
  scope.setErrorHandler((thrown: Error & { statusCode?: number }, request, reply) => {
    const error = fromFastify(thrown);
    if (error.code === "INTERNAL") log(thrown, `${request.method} ${request.url.split("?")[0]}`);
    const { status, body } = toMlflowAnswer(error);
    if (status === 503) reply.header("retry-after", "1");
    return reply.status(status).send(body);
  });
}

async function answer(
  route: MlflowRoute,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const sent: unknown = request.method === "GET" ? request.query : (request.body ?? {});
  if (typeof sent !== "object" || sent === null || Array.isArray(sent)) {
    throw new SlipwayError("MLFLOW_INVALID_PARAMETER_VALUE", "The request's body must be a JSON object.");
  }
  const result = await route.handle({
    fields: sent as Fields,
    params: request.params as Record<string, string>,
    header: (name, value) => void reply.header(name, value),
  });
  return reply.type("application/json").send(toWire(result));
}

function fromFastify(thrown: Error & { statusCode?: number }): SlipwayError {
  if (thrown instanceof SlipwayError) return thrown;
  const { statusCode = 500, message } = thrown;
  if (statusCode >= 400 && statusCode < 500) {
    const text = statusCode === 413 ? "The request's body is larger than this call allows." : message;
    return new SlipwayError("MLFLOW_INVALID_PARAMETER_VALUE", text);
  }
  return toSlipwayError(thrown);
}
