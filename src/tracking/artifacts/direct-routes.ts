import { basename } from "node:path";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { SlipwayError } from "../../http/errors.ts";
import { isDeeperThan, MAX_JSON_DEPTH } from "../../http/json-depth.ts";
import type { BlobStore, DirectAccess, UploadPart } from "../../store/blobs.ts";
import { invalid, missing } from "../wire/errors.ts";
import { int64, messages, optionalInt64, string, type Fields } from "../wire/fields.ts";
import { mlflowScope, type LogDefect } from "../wire/routes.ts";
import { contentTypeOf, dispositionOf } from "./content-type.ts";
import { ARTIFACT_PREFIXES, filePath, MAX_ARTIFACT_BYTES } from "./proxied-routes.ts";
import { pathOfTenant } from "./tenant-root.ts";
import { requestedPath } from "./uri.ts";

/** Seconds for which a download's address is good; MLFLOW_PRESIGNED_DOWNLOAD_URL_TTL_SECONDS has the same default. */
export const DOWNLOAD_SECONDS = 300;
/** Of a list of 10,000 parts, each with its address, as clients send it back. */
const MAX_BODY = 16 * 1024 * 1024;

export interface DirectArtifactDeps {
  blobs: BlobStore;
  logDefect: LogDefect;
  maxArtifactBytes?: number;
  presignedDownloadSeconds?: number;
}

/**
 * What lets clients go to the store itself for large files: uploads in parts (`mpu/…`) and presigned downloads. A
 * store without such a way answers as MLflow does, and clients fall back to the proxied routes.
 */
export function directArtifactRoutes(app: FastifyInstance, deps: DirectArtifactDeps): void {
  void app.register(async (scope) => {
    mlflowScope(scope, deps.logDefect);
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser(
      "*",
      { parseAs: "string", bodyLimit: MAX_BODY },
      async (_: FastifyRequest, text: string) => parseMessage(text),
    );
    for (const prefix of ARTIFACT_PREFIXES) {
      for (const [step, handle] of Object.entries(STEPS))
        scope.route({
          url: `${prefix}/mpu/${step}/*`,
          method: "POST",
          bodyLimit: MAX_BODY,
          schema: { hide: true },
          config: { access: "write" },
          handler: (request) => handle(request, deps),
        });
      scope.route({
        url: `${prefix}/presigned/*`,
        method: "GET",
        schema: { hide: true },
        config: { access: "read" },
        handler: (request) => presigned(request, deps),
      });
    }
  });
}

const STEPS: Readonly<
  Record<string, (request: FastifyRequest, deps: DirectArtifactDeps) => Promise<object>>
> = { create, complete, abort };

async function create(request: FastifyRequest, { blobs }: DirectArtifactDeps): Promise<object> {
  const fields = fieldsOf(request);
  const path = uploadPath(request, fields);
  const parts = Number(optionalInt64(fields, "num_parts") ?? 1);
  const { uploadId, requests } = await uploads(blobs).createUpload(path, parts);
  return {
    upload_id: uploadId,
    credentials: requests.map(({ url, headers }, index) => ({ url, part_number: index + 1, headers })),
  };
}

async function complete(request: FastifyRequest, deps: DirectArtifactDeps): Promise<object> {
  const { blobs, maxArtifactBytes = MAX_ARTIFACT_BYTES } = deps;
  const fields = fieldsOf(request);
  const path = uploadPath(request, fields);
  const parts = messages(fields, "parts").map((part): UploadPart => ({
    number: Number(int64(part, "part_number")),
    etag: string(part, "etag"),
  }));
  if (parts.length === 0) throw invalid("Missing value for required parameter 'parts'.");
  parts.sort((a, b) => a.number - b.number);
  const uploadId = string(fields, "upload_id");
  try {
    await uploads(blobs).completeUpload(path, uploadId, parts, { maxBytes: maxArtifactBytes });
  } catch (error) {
    if (error instanceof SlipwayError && error.code === "NOT_FOUND")
      throw missing(`There is no upload '${uploadId.slice(0, 200)}' of '${path}'.`);
    throw error;
  }
  return {};
}

async function abort(request: FastifyRequest, { blobs }: DirectArtifactDeps): Promise<object> {
  const fields = fieldsOf(request);
  await uploads(blobs).abortUpload(uploadPath(request, fields), string(fields, "upload_id"));
  return {};
}

async function presigned(request: FastifyRequest, deps: DirectArtifactDeps): Promise<object> {
  const path = filePath(request);
  if (deps.blobs.direct === null)
    throw unsupported("Multipart download is not supported for the current artifact repository");
  return presignedDownload(deps.blobs.direct, path, deps.presignedDownloadSeconds ?? DOWNLOAD_SECONDS);
}

/** MLflow's answer with an address to read a file from: `{url, headers, file_size}`. */
export async function presignedDownload(
  direct: DirectAccess,
  path: string,
  expiresInSeconds: number,
): Promise<{ url: string; headers: Record<string, string>; file_size: number }> {
  const name = basename(path);
  const options = { contentType: contentTypeOf(name), disposition: dispositionOf(name), expiresInSeconds };
  const { url, headers, size } = await direct.download(path, options);
  return { url, headers, file_size: size };
}

/** As MLflow: the address names the folder, the body the file on the client's machine, whose last name is taken. */
function uploadPath(request: FastifyRequest, fields: Fields): string {
  const folder = (request.params as Record<string, string>)["*"] ?? "";
  const local = string(fields, "path");
  const name = local.split(/[/\\]/).at(-1) ?? "";
  if (name === "")
    throw invalid(`Invalid value for parameter 'path': '${local.slice(0, 200)}' names no file.`);
  const path = folder === "" ? name : `${folder.replace(/\/$/, "")}/${name}`;
  return pathOfTenant(requestedPath(path), request.identity.tenant);
}

function uploads(blobs: BlobStore): DirectAccess {
  if (blobs.direct !== null) return blobs.direct;
  // The client looks for the beginning of this sentence before it sends the file in one piece.
  throw unsupported("Multipart upload is not supported for the current artifact repository");
}

/** 501, which clients don't try again. */
export function unsupported(message: string): SlipwayError {
  return new SlipwayError("MLFLOW_NOT_IMPLEMENTED", message);
}

function fieldsOf(request: FastifyRequest): Fields {
  const body: unknown = request.body ?? {};
  if (typeof body !== "object" || Array.isArray(body))
    throw invalid("The request's body must be a JSON object.");
  return body as Fields;
}

function parseMessage(text: string): unknown {
  let value: unknown;
  try {
    value = text === "" ? {} : JSON.parse(text);
  } catch {
    throw invalid("The request's body is not valid JSON.");
  }
  if (isDeeperThan(value, MAX_JSON_DEPTH))
    throw invalid(`The request's body is nested more than ${MAX_JSON_DEPTH} deep.`);
  return value;
}
