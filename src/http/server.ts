import type { IncomingHttpHeaders } from "node:http";
import Fastify, { type FastifyError, type FastifyInstance, type FastifyReply } from "fastify";
import swagger from "@fastify/swagger";
import { answerClientError } from "./client-error.ts";
import { SlipwayError, toSlipwayError } from "./errors.ts";
import { hostsError } from "./one-host.ts";
import { describeOwnApi, type OpenApi } from "./own-api.ts";
import { originForm } from "./request-target.ts";
import { openSentry, standSentry, type Sentry } from "./sentry.ts";

export interface AppDeps {
  /** Refuses a request by its headers: host and origin. */
  guard: (headers: IncomingHttpHeaders, method: string) => SlipwayError | null;
  /** Who calls, and for which tenant; default: whoever reaches it is the local caller. */
  sentry?: Sentry;
  /** Where defects go, with their stack: the process's log, never the caller. */
  logDefect: (error: unknown, where: string) => void;
  version: string;
}

/** Body of a JSON request when a route names no limit of its own. */
const DEFAULT_BODY_BYTES = 1024 * 1024;

/** The control process's HTTP application, before the features add their routes. */
export async function createApp(deps: AppDeps): Promise<FastifyInstance> {
  const app = Fastify({
    logger: false,
    bodyLimit: DEFAULT_BODY_BYTES,
    // Names and metric keys may be long; Fastify's default of 100 characters would answer 404.
    routerOptions: { maxParamLength: 2000 },
    forceCloseConnections: true,
    exposeHeadRoutes: false,
    rewriteUrl: (request) => originForm(request.url ?? "/"),
    clientErrorHandler: answerClientError,
    frameworkErrors: (thrown, _request, reply: FastifyReply) => {
      const error = fromFastify(thrown);
      void reply.status(error.status).send({ error: error.toJSON() });
    },
    ajv: { customOptions: { removeAdditional: false, coerceTypes: true, allErrors: true } },
  });
  app.addHook("onRequest", (request, _reply, done) => {
    done(hostsError(request.raw.rawHeaders) ?? deps.guard(request.headers, request.method) ?? undefined);
  });
  standSentry(app, deps.sentry ?? openSentry);
  letUnreadBodiesGoBy(app);
  app.setErrorHandler((thrown: FastifyError, request, reply) => {
    const error = fromFastify(thrown);
    if (error.code === "INTERNAL") deps.logDefect(thrown, `${request.method} ${request.url}`);
    if (error.status === 503) reply.header("retry-after", "1");
    if (error.status === 401) reply.header("www-authenticate", 'Basic realm="slipway"');
    return reply.status(error.status).send({ error: error.toJSON() });
  });
  app.setNotFoundHandler((request, reply) => {
    const error = new SlipwayError(
      "NOT_FOUND",
      `there is no ${request.method} ${request.url.split("?")[0]}`,
      {
        hint: "The routes are described at /api/slipway/v1/openapi.json.",
      },
    );
    return reply.status(404).send({ error: error.toJSON() });
  });
  await app.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: { title: "Slipway", version: deps.version, license: { name: "Apache-2.0" } },
    },
  });
  return app;
}

/** A larger body than this isn't taken to its end only to be thrown away. */
const MAX_DISCARDED_BYTES = 64 * 1024 * 1024;

/**
 * A body that was given up half-read holds its connection: Node discards only bodies that nobody began, and the
 * next request behind it would never be read. So the rest is read away, or the connection ends with the answer.
 */
function letUnreadBodiesGoBy(app: FastifyInstance): void {
  // Without promises: these two stand behind every answer.
  app.addHook("onSend", ({ raw }, reply, _payload, done) => {
    if (raw.complete) return done();
    const declared = Number(raw.headers["content-length"] ?? 0);
    if (raw.destroyed || declared > MAX_DISCARDED_BYTES) reply.header("connection", "close");
    // Closing at once, as the framework would, resets the connection before the answer has been read.
    else reply.removeHeader("connection");
    return done();
  });
  app.addHook("onResponse", ({ raw }, _reply, done) => {
    if (!raw.readableEnded && !raw.destroyed) raw.resume();
    done();
  });
}

/** Fastify's own refusals (validation, body size, bad JSON) in our catalogue's words. */
export function fromFastify(thrown: FastifyError): SlipwayError {
  if (thrown instanceof SlipwayError) return thrown;
  if (thrown.validation) {
    const [first] = thrown.validation;
    const where = `${thrown.validationContext ?? "request"}${first?.instancePath ?? ""}`;
    return new SlipwayError("INVALID_REQUEST", thrown.message, { where });
  }
  if (thrown.code === "ECONNRESET")
    return new SlipwayError("HTTP_MALFORMED", "the request's body ended too soon");
  if (thrown.statusCode === 413) return new SlipwayError("TOO_LARGE", "the request's body is too large");
  if (thrown.statusCode !== undefined && thrown.statusCode >= 400 && thrown.statusCode < 500) {
    return new SlipwayError("INVALID_REQUEST", thrown.message);
  }
  return toSlipwayError(thrown);
}

/** Where our own API is described; registered after all routes so that it names them all. */
export function openApiRoute(app: FastifyInstance): void {
  const open = { schema: { hide: true }, config: { access: "open" as const } };
  app.get("/api/slipway/v1/openapi.json", open, async () => describeOwnApi(app.swagger() as OpenApi));
}
