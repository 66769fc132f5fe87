import { basename } from "node:path";
import type { Readable } from "node:stream";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { SlipwayError } from "../../http/errors.ts";
import type { TrackingRouteDeps } from "../deps.ts";
import { runRow } from "../runs/queries.ts";
import { invalid } from "../wire/errors.ts";
import { runId, stringOrEmpty } from "../wire/fields.ts";
import { mlflowScope, type MlflowRoute } from "../wire/routes.ts";
import { listArtifacts } from "./list.ts";
import { artifactPathOf, checkedPath } from "./uri.ts";

const MAX_ARTIFACT = 10 * 1024 ** 3;
const PREFIXES = ["/api/2.0/mlflow-artifacts", "/ajax-api/2.0/mlflow-artifacts"];

/** The artifacts of one tracking run. */
export function runArtifactRoutes({ db, blobs }: TrackingRouteDeps): MlflowRoute[] {
  return [
    {
      method: "GET",
      path: "artifacts/list",
      access: "read",
      async handle({ fields, workspace }) {
        const { artifact_uri: uri } = await db.read((tx) => runRow(tx, workspace, runId(fields)));
        const folder = stringOrEmpty(fields, "path");
        return listArtifacts(blobs, { uri, root: artifactPathOf(uri), folder });
      },
    },
  ];
}

/** The proxied artifact API: raw bytes, streamed both ways. */
export function proxiedArtifactRoutes(app: FastifyInstance, deps: TrackingRouteDeps): void {
  const { blobs, maxArtifactBytes = MAX_ARTIFACT } = deps;
  void app.register(async (scope) => {
    mlflowScope(scope, deps.logDefect);
    // An artifact may be JSON or a form: no body is ever read, all are passed on as they come.
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser("*", (_, payload, done) => done(null, payload));
    for (const prefix of PREFIXES) {
      const file = { url: `${prefix}/artifacts/*`, schema: { hide: true } };
      scope.route({
        ...file,
        config: { access: "write" },
        method: "PUT",
        async handler(request) {
          const path = pathOf(request);
          const announced = Number(request.headers["content-length"] ?? 0);
          if (announced > maxArtifactBytes) throw tooLarge(maxArtifactBytes);
          await blobs.put(path, (request.body as Readable | undefined) ?? request.raw, {
            maxBytes: maxArtifactBytes,
          });
          return {};
        },
      });
      scope.route({
        ...file,
        config: { access: "read" },
        method: "GET",
        async handler(request, reply) {
          const path = pathOf(request);
          const { body, size } = await blobs.get(path);
          return download(reply, basename(path)).header("content-length", size).send(body);
        },
      });
      scope.route({
        ...file,
        config: { access: "write" },
        method: "DELETE",
        async handler(request) {
          await blobs.delete(pathOf(request));
          return {};
        },
      });
      scope.route({
        url: `${prefix}/artifacts`,
        schema: { hide: true },
        config: { access: "read" },
        method: "GET",
        async handler(request) {
          const given = (request.query as Record<string, unknown>)["path"] ?? "";
          if (typeof given !== "string") throw invalid("Invalid value for parameter 'path'.");
          const path = checkedPath(given.replace(/\/$/, ""), given);
          const children = await blobs.list(path);
          return {
            files: children.map((child) => ({
              path: basename(child.path),
              is_dir: child.isDir,
              ...(child.isDir ? {} : { file_size: child.size }),
            })),
          };
        },
      });
    }
  });
}

/** As a file to keep, never as a page: a browser must not run what somebody uploaded. */
function download(reply: FastifyReply, name: string): FastifyReply {
  const plain = name.replace(/[^\w.() -]/g, "_");
  return reply
    .header("content-type", "application/octet-stream")
    .header("x-content-type-options", "nosniff")
    .header(
      "content-disposition",
      `attachment; filename="${plain}"; filename*=UTF-8''${encodeURIComponent(name)}`,
    );
}

function pathOf(request: FastifyRequest): string {
  const path = (request.params as Record<string, string>)["*"] ?? "";
  if (path === "") throw invalid("Missing path of the artifact.");
  return checkedPath(path, path);
}

function tooLarge(allowed: number): SlipwayError {
  return new SlipwayError("TOO_LARGE", "the artifact is too large", { allowed: `${allowed} bytes` });
}
