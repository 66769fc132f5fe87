import type { ReadTx } from "../../store/database.ts";
import type { TrackingRouteDeps } from "../deps.ts";
import { loggedModelRow } from "../models/queries.ts";
import { runRow } from "../runs/queries.ts";
import { invalid } from "../wire/errors.ts";
import { optionalInt64, optionalString, runId, string, stringOrEmpty, type Fields } from "../wire/fields.ts";
import type { MlflowCall, MlflowRoute } from "../wire/routes.ts";
import { contentTypeOf } from "./content-type.ts";
import { DOWNLOAD_SECONDS, presignedDownload, unsupported } from "./direct-routes.ts";
import { listArtifacts } from "./list.ts";
import { ownArtifactPath } from "./tenant-root.ts";
import { requestedPath, joinUri } from "./uri.ts";

const UPLOAD_SECONDS = 900;
/** Stores refuse addresses that are to be good for longer: seven days. */
const MAX_SECONDS = 604_800;

/** The artifacts of one tracking run, or of one logged model. */
export function runArtifactRoutes(deps: TrackingRouteDeps): MlflowRoute[] {
  const { db, blobs } = deps;

  async function list({ fields, workspace }: MlflowCall): Promise<object> {
    const { artifact_uri: uri } = await db.read((tx) => runRow(tx, workspace, runId(fields)));
    const folder = stringOrEmpty(fields, "path");
    return listArtifacts(blobs, { uri, root: ownArtifactPath(uri, workspace), folder });
  }

  async function uploadUrl(call: MlflowCall): Promise<object> {
    const path = await db.read((tx) => artifactOf(tx, call));
    const expiresInSeconds = seconds(call.fields, UPLOAD_SECONDS);
    if (blobs.direct === null)
      throw unsupported("Presigned upload is not supported for the current artifact repository");
    const { url, headers } = await blobs.direct.upload(path, {
      expiresInSeconds,
      contentType: contentTypeOf(path.split("/").at(-1) ?? ""),
    });
    return { presigned_url: url, headers };
  }

  async function downloadUrl(call: MlflowCall): Promise<object> {
    const path = await db.read((tx) => artifactOf(tx, call));
    const expiresInSeconds = seconds(call.fields, deps.presignedDownloadSeconds ?? DOWNLOAD_SECONDS);
    if (blobs.direct === null)
      throw unsupported("Presigned download is not supported for the current artifact repository");
    const { url, headers, file_size } = await presignedDownload(blobs.direct, path, expiresInSeconds);
    return { presigned_url: url, headers, file_size };
  }

  return [
    { method: "GET", path: "artifacts/list", access: "read", handle: list },
    { method: "POST", path: "artifacts/presigned-upload-url", access: "write", handle: uploadUrl },
    { method: "POST", path: "artifacts/presigned-download-url", access: "read", handle: downloadUrl },
  ];
}

/** Path of the file that a call names by `path` and either a run or a logged model. */
async function artifactOf(tx: ReadTx, { fields, workspace }: MlflowCall): Promise<string> {
  const run = optionalString(fields, "run_id") || undefined;
  const model = optionalString(fields, "model_id") || undefined;
  if ((run === undefined) === (model === undefined))
    throw invalid("Exactly one of run_id and model_id must be provided.");
  const name = string(fields, "path");
  const { artifact_uri: uri } =
    run === undefined ? await loggedModelRow(tx, workspace, model ?? "") : await runRow(tx, workspace, run);
  return artifactBelow(uri, name, workspace);
}

/** Path of a file below the artifacts of a run or model of the tenant. */
export function artifactBelow(uri: string, name: string, workspace: string): string {
  const root = ownArtifactPath(uri, workspace);
  if (root === undefined) throw invalid(`The artifacts of '${uri}' lie at their own store.`);
  const checked = requestedPath(name);
  if (checked === "") throw invalid("Missing value for required parameter 'path'.");
  return root === "" ? checked : joinUri(root, checked);
}

function seconds(fields: Fields, byDefault: number): number {
  const value = Number(optionalInt64(fields, "expiration") ?? byDefault);
  if (value >= 1 && value <= MAX_SECONDS) return value;
  throw invalid(`expiration must be between 1 and ${MAX_SECONDS} seconds (got ${value}).`);
}
