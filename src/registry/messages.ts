import type { ReadTx } from "../store/database.ts";
import type { KeyValue } from "../tracking/wire/limits.ts";
import { latestVersions, versionExtras, versionKey, type ModelRow, type VersionRow } from "./queries.ts";

/** MLflow's ModelVersion messages. */
export async function versionMessages(tx: ReadTx, rows: readonly VersionRow[]): Promise<object[]> {
  const { tags, aliases } = await versionExtras(tx, rows);
  return rows.map((row) => ({
    name: row.name,
    version: String(row.version),
    creation_timestamp: row.creation_time,
    last_updated_timestamp: row.last_update_time,
    user_id: row.user_id,
    current_stage: row.stage,
    description: row.description,
    source: row.source,
    run_id: row.run_id,
    run_link: row.run_link,
    status: row.status,
    ...(row.model_id === "" ? {} : { model_id: row.model_id }),
    tags: (tags.get(versionKey(row)) ?? []).map(({ key, value }) => ({ key, value })),
    aliases: aliases.get(versionKey(row)) ?? [],
  }));
}

/** MLflow's RegisteredModel message with its latest versions, tags and aliases. */
export async function modelMessage(tx: ReadTx, row: ModelRow): Promise<object> {
  const tags = await tx.all<KeyValue>(
    "SELECT key, value FROM registered_model_tags WHERE workspace = ? AND name = ? ORDER BY key",
    [row.workspace, row.name],
  );
  const aliases = await tx.all<{ alias: string; version: number }>(
    "SELECT alias, version FROM model_aliases WHERE workspace = ? AND name = ? ORDER BY alias",
    [row.workspace, row.name],
  );
  return {
    name: row.name,
    creation_timestamp: row.creation_time,
    last_updated_timestamp: row.last_update_time,
    description: row.description,
    latest_versions: await versionMessages(tx, await latestVersions(tx, row)),
    tags,
    aliases: aliases.map(({ alias, version }) => ({ alias, version: String(version) })),
  };
}
