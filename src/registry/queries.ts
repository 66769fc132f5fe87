import type { ReadTx } from "../store/database.ts";
import { groupBy } from "../tracking/group.ts";
import { missing } from "../tracking/wire/errors.ts";
import type { KeyValue } from "../tracking/wire/limits.ts";

export interface ModelRow {
  workspace: string;
  name: string;
  description: string;
  creation_time: number;
  last_update_time: number;
}

export interface VersionRow {
  workspace: string;
  name: string;
  version: number;
  description: string;
  user_id: string;
  stage: string;
  source: string;
  artifact_path: string;
  run_id: string;
  run_link: string;
  model_id: string;
  status: string;
  creation_time: number;
  last_update_time: number;
}

export const MODEL_COLUMNS = "m.workspace, m.name, m.description, m.creation_time, m.last_update_time";
export const VERSION_COLUMNS = `v.workspace, v.name, v.version, v.description, v.user_id, v.stage, v.source,
  v.artifact_path, v.run_id, v.run_link, v.model_id, v.status, v.creation_time, v.last_update_time`;

/** What names a registered model: its tenant and its name there. */
export interface ModelId {
  workspace: string;
  name: string;
}

/** What names one version of it. */
export interface VersionId extends ModelId {
  version: number;
}

export function findModel(tx: ReadTx, { workspace, name }: ModelId): Promise<ModelRow | undefined> {
  const sql = `SELECT ${MODEL_COLUMNS} FROM registered_models m WHERE m.workspace = ? AND m.name = ?`;
  return tx.get(sql, [workspace, name]);
}

export async function modelRow(tx: ReadTx, id: ModelId): Promise<ModelRow> {
  const row = await findModel(tx, id);
  if (!row) throw missing(`Registered Model with name=${id.name} not found`);
  return row;
}

export function findVersion(tx: ReadTx, id: VersionId): Promise<VersionRow | undefined> {
  const sql = `SELECT ${VERSION_COLUMNS} FROM model_versions v WHERE v.workspace = ? AND v.name = ? AND v.version = ?`;
  return tx.get(sql, [id.workspace, id.name, id.version]);
}

export async function versionRow(tx: ReadTx, id: VersionId): Promise<VersionRow> {
  const row = await findVersion(tx, id);
  if (!row) throw missing(`Model Version (name=${id.name}, version=${id.version}) not found`);
  return row;
}

/** The version that an alias names. */
export async function aliasedVersion(tx: ReadTx, id: ModelId, alias: string): Promise<VersionRow> {
  await modelRow(tx, id);
  const row = await tx.get<VersionRow>(
    `SELECT ${VERSION_COLUMNS} FROM model_aliases a
     JOIN model_versions v ON v.workspace = a.workspace AND v.name = a.name AND v.version = a.version
     WHERE a.workspace = ? AND a.name = ? AND a.alias = ?`,
    [id.workspace, id.name, alias],
  );
  if (!row) throw missing(`Registered model alias ${alias} not found.`);
  return row;
}

/** The newest version of each stage, or of the stages asked for. */
export async function latestVersions(
  tx: ReadTx,
  { workspace, name }: ModelId,
  stages: readonly string[] = [],
): Promise<VersionRow[]> {
  const rows = await tx.all<VersionRow>(
    `SELECT ${VERSION_COLUMNS} FROM model_versions v
     WHERE v.workspace = ? AND v.name = ? AND v.version IN
       (SELECT MAX(version) FROM model_versions WHERE workspace = ? AND name = ? GROUP BY stage)
     ORDER BY v.version`,
    [workspace, name, workspace, name],
  );
  return stages.length === 0 ? rows : rows.filter((row) => stages.includes(row.stage));
}

type VersionEntry = KeyValue & VersionId;

/** Tags and aliases of versions of one or many models, by versionKey. */
export async function versionExtras(
  tx: ReadTx,
  rows: readonly VersionRow[],
): Promise<{ tags: Map<string, KeyValue[]>; aliases: Map<string, string[]> }> {
  const tags: VersionEntry[] = [];
  const aliases: (VersionId & { alias: string })[] = [];
  for (const group of groupBy(rows, (row) => JSON.stringify([row.workspace, row.name])).values()) {
    const [{ workspace, name } = { workspace: "", name: "" }] = group;
    for (let at = 0; at < group.length; at += 500) {
      const versions = group.slice(at, at + 500).map((row) => row.version);
      const where = `workspace = ? AND name = ? AND version IN (${versions.map(() => "?").join(", ")})`;
      const params = [workspace, name, ...versions];
      tags.push(
        ...(await tx.all<VersionEntry>(
          `SELECT workspace, name, version, key, value FROM model_version_tags WHERE ${where} ORDER BY key`,
          params,
        )),
      );
      aliases.push(
        ...(await tx.all<VersionId & { alias: string }>(
          `SELECT workspace, name, version, alias FROM model_aliases WHERE ${where} ORDER BY alias`,
          params,
        )),
      );
    }
  }
  const aliasGroups = [...groupBy(aliases, versionKey)];
  return {
    tags: groupBy(tags, versionKey),
    aliases: new Map(aliasGroups.map(([key, group]) => [key, group.map(({ alias }) => alias)])),
  };
}

/** Neither a tenant's nor a model's name holds a slash. */
export function versionKey({ workspace, name, version }: VersionId): string {
  return `${workspace}/${name}/${version}`;
}
