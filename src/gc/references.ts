import { ownArtifactPath, tenantRoot } from "../tracking/artifacts/tenant-root.ts";
import { joinUri } from "../tracking/artifacts/uri.ts";
import type { ReadTx, SqlValue } from "../store/database.ts";

/** Characters of a path that are indexed. */
const INDEXED = 500;

/** Folder below the artifact root of a tenant's thing; null where its files lie in a store that isn't ours. */
export function folderOf(uri: string, workspace: string): string | null {
  try {
    return ownArtifactPath(uri, workspace) || null;
  } catch {
    // Kept by an older version, or brought in from elsewhere: nothing that this platform ever wrote to.
    return null;
  }
}

/** A version of a registered model that needs the tracking run, the logged model or the folder, as `name/version`. */
export async function versionThatNeeds(
  tx: ReadTx,
  workspace: string,
  needs: { runId?: string; modelId?: string; folder: string | null },
): Promise<string | undefined> {
  const { runId, modelId, folder } = needs;
  const find = async (condition: string, params: SqlValue[]): Promise<VersionRow[]> =>
    tx.all(`SELECT name, version, artifact_path FROM model_versions WHERE workspace = ? AND ${condition}`, [
      workspace,
      ...params,
    ]);
  const found: VersionRow[] = [];
  if (runId !== undefined) found.push(...(await find("run_id = ? LIMIT 1", [runId])));
  if (modelId !== undefined)
    found.push(
      ...(await find("substr(model_id, 1, 300) = ? AND model_id = ? LIMIT 1", [
        modelId.slice(0, 300),
        modelId,
      ])),
    );
  if (found.length === 0 && folder !== null) {
    const path = `substr(artifact_path, 1, ${INDEXED})${tx.dialect === "postgres" ? ' COLLATE "C"' : ""}`;
    // "0" is the character behind "/": everything below the folder, and a little beside it.
    const below = await find(`${path} >= ? AND ${path} < ?`, [
      folder.slice(0, INDEXED),
      `${folder.slice(0, INDEXED)}0`,
    ]);
    const above = ancestors(folder).map((one) => one.slice(0, INDEXED));
    const around = await find(`${path} IN (${above.map(() => "?").join(", ")})`, above);
    found.push(...[...below, ...around].filter((row) => overlap(row.artifact_path, folder)));
  }
  const [first] = found;
  return first && `${first.name}/${first.version}`;
}

interface VersionRow {
  name: string;
  version: number;
  artifact_path: string;
}

/** The folder itself and all that it lies in. */
function ancestors(folder: string): string[] {
  const parts = folder.split("/");
  return parts.map((_, at) => parts.slice(0, at + 1).join("/"));
}

/** Whether one of the two lies in the other. */
function overlap(one: string, other: string): boolean {
  return `${one}/`.startsWith(`${other}/`) || `${other}/`.startsWith(`${one}/`);
}

/** Experiments whose clients chose where their files lie, which may be within what another one has. */
export async function chosenFolders(
  tx: ReadTx,
  workspace: string,
  artifactRoot: string,
): Promise<{ experimentId: number; folder: string }[]> {
  const rows = await tx.all<{ experiment_id: number; artifact_location: string }>(
    `SELECT experiment_id, artifact_location FROM experiments
     WHERE workspace = ? AND artifact_location <> CAST(? AS TEXT) || CAST(experiment_id AS TEXT)`,
    [workspace, joinUri(tenantRoot(artifactRoot, workspace), "")],
  );
  return rows.flatMap(({ experiment_id, artifact_location }) => {
    const folder = folderOf(artifact_location, workspace);
    return folder === null ? [] : [{ experimentId: experiment_id, folder }];
  });
}
