import { basename } from "node:path";
import type { Readable } from "node:stream";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { DEFAULT_TENANT } from "../../http/identity.ts";
import { SlipwayError } from "../../http/errors.ts";
import type { BlobStore } from "../../store/blobs.ts";
import { invalid } from "../wire/errors.ts";
import { mlflowScope, type LogDefect } from "../wire/routes.ts";
import { sendArtifact } from "./download.ts";
import { isTenantRoot, pathOfTenant, TENANTS_FOLDER } from "./tenant-root.ts";
import { requestedPath } from "./uri.ts";

/** Bytes of one artifact where nothing else is said. */
export const MAX_ARTIFACT_BYTES = 10 * 1024 ** 3;

/** Where MLflow's clients and pages look for the proxied artifacts. */
export const ARTIFACT_PREFIXES = ["/api/2.0/mlflow-artifacts", "/ajax-api/2.0/mlflow-artifacts"];

export interface ProxiedArtifactDeps {
  blobs: BlobStore;
  logDefect: LogDefect;
  maxArtifactBytes?: number;
}

/** The proxied artifact API: raw bytes, streamed both ways, within the caller's tenant. */
export function proxiedArtifactRoutes(app: FastifyInstance, deps: ProxiedArtifactDeps): void {
  const { blobs, maxArtifactBytes = MAX_ARTIFACT_BYTES } = deps;
  void app.register(async (scope) => {
    mlflowScope(scope, deps.logDefect);
    // An artifact may be JSON or a form: no body is ever read, all are passed on as they come.
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser("*", (_, payload, done) => done(null, payload));
    for (const prefix of ARTIFACT_PREFIXES) {
      const file = { url: `${prefix}/artifacts/*`, schema: { hide: true } };
      scope.route({
        ...file,
        config: { access: "write" },
        method: "PUT",
        handler: (request) => upload(request, blobs, filePath(request), maxArtifactBytes),
      });
      scope.route({
        ...file,
        config: { access: "read" },
        method: ["GET", "HEAD"],
        handler: (request, reply) => sendArtifact(request, reply, blobs, filePath(request)),
      });
      scope.route({
        ...file,
        config: { access: "write" },
        method: "DELETE",
        async handler(request) {
          await blobs.delete(filePath(request));
          return {};
        },
      });
      scope.route({
        url: `${prefix}/artifacts`,
        schema: { hide: true },
        config: { access: "read" },
        method: "GET",
        handler: (request) => listFolder(request, blobs),
      });
    }
  });
}

/** Stores a request's body whole, whatever its content type says. */
export async function upload(
  request: FastifyRequest,
  blobs: BlobStore,
  path: string,
  maxBytes: number,
): Promise<object> {
  // An announced length that is too large is refused before anything of it is read.
  if (Number(request.headers["content-length"] ?? 0) > maxBytes)
    throw new SlipwayError("TOO_LARGE", "the artifact is too large", { allowed: `${maxBytes} bytes` });
  await blobs.put(path, (request.body as Readable | undefined) ?? request.raw, { maxBytes });
  return {};
}

async function listFolder(request: FastifyRequest, blobs: BlobStore): Promise<object> {
  const given = (request.query as Record<string, unknown>)["path"] ?? "";
  if (typeof given !== "string") throw invalid("Invalid value for parameter 'path'.");
  const { tenant } = request.identity;
  const path = pathOfTenant(requestedPath(given.replace(/\/$/, "")), tenant);
  const children = await blobs.list(path);
  const hidden = path === "" && tenant === DEFAULT_TENANT ? TENANTS_FOLDER : undefined;
  return {
    files: children
      .filter((child) => child.path !== hidden)
      .map(({ path: child, isDir, size }) => ({
        path: basename(child),
        is_dir: isDir,
        ...(isDir ? {} : { file_size: size }),
      })),
  };
}

/** The path behind the route's own part, within the caller's tenant. */
export function filePath(request: FastifyRequest): string {
  const given = (request.params as Record<string, string>)["*"] ?? "";
  if (given === "") throw invalid("Missing path of the artifact.");
  const path = pathOfTenant(requestedPath(given), request.identity.tenant);
  if (isTenantRoot(path)) throw invalid(`'${given}' is no artifact.`);
  return path;
}
