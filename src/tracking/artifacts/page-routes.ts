import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { ReadTx } from "../../store/database.ts";
import type { TrackingRouteDeps } from "../deps.ts";
import { loggedModelRow } from "../models/queries.ts";
import { runRow } from "../runs/queries.ts";
import { invalid, missing } from "../wire/errors.ts";
import { runId, string, stringOrEmpty, type Fields } from "../wire/fields.ts";
import { mlflowScope } from "../wire/routes.ts";
import { sendArtifact, sendText } from "./download.ts";
import { upload } from "./proxied-routes.ts";
import { artifactBelow } from "./run-routes.ts";
import { requestedPath } from "./uri.ts";
import { traceRow } from "../traces/rows.ts";
import { traceFile } from "../traces/span-queries.ts";

/** As MLflow: what a page uploads is a note or an image, not a model. */
const MAX_PAGE_UPLOAD = 10 * 1024 * 1024;
const AJAX = ["/ajax-api/2.0/mlflow", "/ajax-api/3.0/mlflow"];

export type PageArtifactDeps = Pick<TrackingRouteDeps, "db" | "blobs" | "logDefect"> & {
  /** Folder below the artifact root of a version of a registered model; undefined when there is none. */
  versionPath: (workspace: string, model: string, version: number) => Promise<string | undefined>;
};

/** The artifact routes outside MLflow's RPCs, which its pages call. */
export function pageArtifactRoutes(app: FastifyInstance, deps: PageArtifactDeps): void {
  const { db, blobs } = deps;
  type Find = (tx: ReadTx, fields: Fields, request: FastifyRequest) => Promise<string>;
  const send =
    (find: Find) =>
    async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> =>
      sendArtifact(request, reply, blobs, await db.read((tx) => find(tx, queryOf(request), request)));

  void app.register(async (scope) => {
    mlflowScope(scope, deps.logDefect);
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser("*", (_, payload, done) => done(null, payload));
    const reading = {
      method: "GET" as const,
      schema: { hide: true },
      config: { access: "read" as const },
    };
    scope.route({ ...reading, url: "/get-artifact", handler: send(ofRun) });
    // Two slashes are one to MLflow's server, and there are callers that rely on it.
    for (const url of ["/model-versions/get-artifact", "//model-versions/get-artifact"]) {
      scope.route({
        ...reading,
        url,
        async handler(request, reply) {
          const path = await ofVersion(queryOf(request), request.identity.tenant, deps.versionPath);
          return sendArtifact(request, reply, blobs, path);
        },
      });
    }
    for (const prefix of AJAX) {
      scope.route({
        ...reading,
        url: `${prefix}/get-trace-artifact`,
        async handler(request, reply) {
          const fields = queryOf(request);
          const spans = await db.read((tx) => spansOfTrace(tx, fields, request));
          if (spans === undefined) return send(ofTrace)(request, reply);
          return sendText(reply, "traces.json", spans);
        },
      });
      scope.route({
        ...reading,
        url: `${prefix}/logged-models/:model_id/artifacts/files`,
        handler: send(ofModel),
      });
      scope.route({
        method: "POST",
        url: `${prefix}/upload-artifact`,
        schema: { hide: true },
        config: { access: "write" },
        async handler(request) {
          checkUpload(request);
          const path = await db.read((tx) => ofRun(tx, queryOf(request), request));
          return upload(request, blobs, path, MAX_PAGE_UPLOAD);
        },
      });
    }
  });
}

/** In MLflow's order and words, and before the run is looked for. */
function checkUpload({ query, headers }: FastifyRequest): void {
  const { run_uuid: run, path } = query as Record<string, unknown>;
  if (typeof run !== "string" || run === "") throw invalid("Request must specify run_uuid.");
  if (typeof path !== "string" || path === "") throw invalid("Request must specify path.");
  requestedPath(path);
  const length = Number(headers["content-length"] ?? (headers["transfer-encoding"] === undefined ? 0 : 1));
  if (length > MAX_PAGE_UPLOAD) throw invalid("Artifact size is too large. Max size is 10MB.");
  if (length === 0) throw invalid("Request must specify data.");
}

async function ofRun(tx: ReadTx, fields: Fields, { identity }: FastifyRequest): Promise<string> {
  const row = await runRow(tx, identity.tenant, runId(fields));
  return artifactBelow(row.artifact_uri, string(fields, "path"), identity.tenant);
}

async function ofModel(tx: ReadTx, fields: Fields, request: FastifyRequest): Promise<string> {
  const { tenant } = request.identity;
  const { model_id: id = "" } = request.params as { model_id?: string };
  const row = await loggedModelRow(tx, tenant, id);
  return artifactBelow(row.artifact_uri, string(fields, "artifact_file_path"), tenant);
}

async function ofVersion(
  fields: Fields,
  tenant: string,
  versionPath: PageArtifactDeps["versionPath"],
): Promise<string> {
  const file = requestedPath(string(fields, "path"));
  const name = string(fields, "name");
  const version = string(fields, "version");
  if (!/^\d{1,15}$/.test(version)) throw invalid(`Invalid value for parameter 'version': '${version}'.`);
  const folder = await versionPath(tenant, name, Number(version));
  if (folder === undefined || folder === "")
    throw missing(`Model Version (name=${name}, version=${version}) not found`);
  return artifactBelow(`mlflow-artifacts:/${folder}`, file, tenant);
}

/** The spans that the database has of a trace; undefined when the call asks for what the client stored. */
async function spansOfTrace(
  tx: ReadTx,
  fields: Fields,
  { identity }: FastifyRequest,
): Promise<string | undefined> {
  if (stringOrEmpty(fields, "path") !== "") return undefined;
  return traceFile(tx, await traceRow(tx, identity.tenant, string(fields, "request_id")));
}

/** What the client stored of a trace: one of its attachments, or without a path the whole. */
async function ofTrace(tx: ReadTx, fields: Fields, { identity }: FastifyRequest): Promise<string> {
  const id = string(fields, "request_id");
  const attachment = stringOrEmpty(fields, "path");
  if (attachment !== "" && !/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/.test(attachment))
    throw invalid(`Invalid attachment path: '${attachment.slice(0, 100)}'. It must be a UUID.`);
  const row = await tx.get<{ artifact_location: string }>(
    `SELECT e.artifact_location FROM traces t JOIN experiments e ON e.experiment_id = t.experiment_id
     WHERE t.workspace = ? AND t.trace_id = ?`,
    [identity.tenant, id],
  );
  if (!row) throw missing(`Trace with ID '${id}' not found.`);
  const file = attachment === "" ? "traces.json" : `attachments/${attachment}`;
  return artifactBelow(row.artifact_location, `traces/${id}/artifacts/${file}`, identity.tenant);
}

function queryOf(request: FastifyRequest): Fields {
  return request.query as Fields;
}
