import type { ReadTx } from "../store/database.ts";
import { groupBy } from "../base/group.ts";
import { invalid, missing } from "../tracking/wire/errors.ts";
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
  if (alias.toLowerCase() === "latest") return newestVersion(tx, id);
  const row = await tx.get<VersionRow>(
    `SELECT ${VERSION_COLUMNS} FROM model_aliases a
     JOIN model_versions v ON v.workspace = a.workspace AND v.name = a.name AND v.version = a.version
     WHERE a.workspace = ? AND a.name = ? AND a.alias = ?`,
    [id.workspace, id.name, alias],
  );
  if (!row) throw invalid(`Registered model alias ${alias} not found.`);
  return row;
}

async function newestVersion(tx: ReadTx, id: ModelId): Promise<VersionRow> {
  const row = (await latestVersions(tx, id)).at(-1);
  if (!row) throw missing(`Latest version not found for model ${id.name}.`);
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

/** The stages that a version can be in. */
const STAGES = ["None", "Staging", "Production", "Archived"] as const;

/** The newest version of each stage of many models; of each model the oldest first. */
export async function latestVersionsOf(
  tx: ReadTx,
  workspace: string,
  names: readonly string[],
): Promise<VersionRow[]> {
  // One seek for each model and stage, however many versions there are.
  const newest = STAGES.map(
    (stage) => `v.version = (SELECT MAX(x.version) FROM model_versions x
      WHERE x.workspace = m.workspace AND x.name = m.name AND x.stage = '${stage}')`,
  );
  const found = newest.map(
    (isNewest) => `SELECT ${VERSION_COLUMNS} FROM registered_models m
      JOIN model_versions v ON v.workspace = m.workspace AND v.name = m.name AND ${isNewest}
      WHERE m.workspace = ? AND m.name IN (${names.map(() => "?").join(", ")})`,
  );
  const params = STAGES.flatMap(() => [workspace, ...names]);
  const rows = await tx.all<VersionRow>(found.join(" UNION ALL "), params);
  return rows.sort((a, b) => a.version - b.version);
}

type VersionEntry = KeyValue & VersionId;

/** Versions whose tags and aliases are fetched together. */
const GROUP = 250;

/** Tags and aliases of versions of one tenant's models, by versionKey. */
export async function versionExtras(
  tx: ReadTx,
  rows: readonly VersionRow[],
  withAliases = true,
): Promise<{ tags: Map<string, KeyValue[]>; aliases: Map<string, string[]> }> {
  const tags: VersionEntry[] = [];
  const aliases: (VersionId & { alias: string })[] = [];
  for (let at = 0; at < rows.length; at += GROUP) {
    const group = rows.slice(at, at + GROUP);
    // The first row tells PostgreSQL the types.
    const wanted = group.map((_, index) =>
      index > 0 ? "(?, ?, ?)" : "(CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS BIGINT))",
    );
    const of = (columns: string, table: string): string =>
      `WITH w (workspace, name, version) AS (VALUES ${wanted.join(", ")})
       SELECT t.workspace, t.name, t.version, ${columns} FROM w JOIN ${table} t
       ON t.workspace = w.workspace AND t.name = w.name AND t.version = w.version`;
    const params = group.flatMap((row) => [row.workspace, row.name, row.version]);
    tags.push(
      ...(await tx.all<VersionEntry>(`${of("t.key, t.value", "model_version_tags")} ORDER BY t.key`, params)),
    );
    if (!withAliases) continue;
    aliases.push(
      ...(await tx.all<VersionId & { alias: string }>(
        `${of("t.alias", "model_aliases")} ORDER BY t.alias`,
        params,
      )),
    );
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
