import { SlipwayError } from "../http/errors.ts";
import type { ReadTx } from "../store/database.ts";
import { ownArtifactPath } from "../tracking/artifacts/tenant-root.ts";
import { joinUri } from "../tracking/artifacts/uri.ts";
import { traceExperiment, traceRow } from "../tracking/traces/rows.ts";
import { missing } from "../tracking/wire/errors.ts";
import type { FileKind } from "./kinds.ts";

/** The URI below which the files of a run, a logged model or a trace lie here. */
export async function ownerUri(
  tx: ReadTx,
  workspace: string,
  kind: FileKind,
  ownerId: string,
): Promise<string> {
  if (kind === "trace") {
    const { experiment_id, trace_id } = await traceRow(tx, workspace, ownerId);
    const { artifact_location } = await traceExperiment(tx, workspace, experiment_id);
    return joinUri(artifact_location, "traces", trace_id, "artifacts");
  }
  const sql =
    kind === "run"
      ? "SELECT artifact_uri FROM runs WHERE workspace = ? AND run_id = ?"
      : "SELECT artifact_uri FROM logged_models WHERE workspace = ? AND model_id = ?";
  const row = await tx.get<{ artifact_uri: string }>(sql, [workspace, ownerId]);
  if (!row) throw missing(`There is no ${kind} with id ${ownerId}`);
  return row.artifact_uri;
}

/** Their folder below the artifact root. IMPORT_CONFLICT where files lie in a store that clients reach by themselves. */
export async function ownerFolder(
  tx: ReadTx,
  workspace: string,
  kind: FileKind,
  ownerId: string,
): Promise<string> {
  const uri = await ownerUri(tx, workspace, kind, ownerId);
  const folder = ownArtifactPath(uri, workspace);
  if (folder !== undefined) return folder;
  throw new SlipwayError("IMPORT_CONFLICT", "the files of this experiment aren't kept by the platform", {
    where: uri,
    hint: "Start the platform without --artifact-root for the import, or copy the files by the store's own tools.",
  });
}
