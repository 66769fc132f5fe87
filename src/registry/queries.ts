import type { ReadTx } from "../store/database.ts";
import { groupBy } from "../tracking/group.ts";
import { missing } from "../tracking/wire/errors.ts";
import type { KeyValue } from "../tracking/wire/limits.ts";

export interface ModelRow {
  name: string;
  description: string;
  creation_time: number;
  last_update_time: number;
}

export interface VersionRow {
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

export const MODEL_COLUMNS = "m.name, m.description, m.creation_time, m.last_update_time";
export const VERSION_COLUMNS = `v.name, v.version, v.description, v.user_id, v.stage, v.source, v.artifact_path,
  v.run_id, v.run_link, v.model_id, v.status, v.creation_time, v.last_update_time`;

export function findModel(tx: ReadTx, name: string): Promise<ModelRow | undefined> {
  return tx.get(`SELECT ${MODEL_COLUMNS} FROM registered_models m WHERE workspace = 'default' AND name = ?`, [
    name,
  ]);
}

export async function modelRow(tx: ReadTx, name: string): Promise<ModelRow> {
  const row = await findModel(tx, name);
  if (!row) throw missing(`Registered Model with name=${name} not found`);
  return row;
}

export function findVersion(tx: ReadTx, name: string, version: number): Promise<VersionRow | undefined> {
  return tx.get(`SELECT ${VERSION_COLUMNS} FROM model_versions v WHERE name = ? AND version = ?`, [
    name,
    version,
  ]);
}

export async function versionRow(tx: ReadTx, name: string, version: number): Promise<VersionRow> {
  const row = await findVersion(tx, name, version);
  if (!row) throw missing(`Model Version (name=${name}, version=${version}) not found`);
  return row;
}

/** The version that an alias names. */
export async function aliasedVersion(tx: ReadTx, name: string, alias: string): Promise<VersionRow> {
  await modelRow(tx, name);
  const row = await tx.get<VersionRow>(
    `SELECT ${VERSION_COLUMNS} FROM model_aliases a JOIN model_versions v ON v.name = a.name AND v.version = a.version
     WHERE a.name = ? AND a.alias = ?`,
    [name, alias],
  );
  if (!row) throw missing(`Registered model alias ${alias} not found.`);
  return row;
}

/** The newest version of each stage, or of the stages asked for. */
export async function latestVersions(
  tx: ReadTx,
  name: string,
  stages: readonly string[] = [],
): Promise<VersionRow[]> {
  const rows = await tx.all<VersionRow>(
    `SELECT ${VERSION_COLUMNS} FROM model_versions v
     WHERE v.name = ? AND v.version IN (SELECT MAX(version) FROM model_versions WHERE name = ? GROUP BY stage)
     ORDER BY v.version`,
    [name, name],
  );
  return stages.length === 0 ? rows : rows.filter((row) => stages.includes(row.stage));
}

type VersionEntry = KeyValue & { name: string; version: number };

/** Tags and aliases of versions of one or many models, by `name/version`. */
export async function versionExtras(
  tx: ReadTx,
  rows: readonly VersionRow[],
): Promise<{ tags: Map<string, KeyValue[]>; aliases: Map<string, string[]> }> {
  const tags: VersionEntry[] = [];
  const aliases: { name: string; version: number; alias: string }[] = [];
  for (const [name, group] of groupBy(rows, (row) => row.name)) {
    for (let at = 0; at < group.length; at += 500) {
      const versions = group.slice(at, at + 500).map((row) => row.version);
      const where = `name = ? AND version IN (${versions.map(() => "?").join(", ")})`;
      const params = [name, ...versions];
      tags.push(
        ...(await tx.all<VersionEntry>(
          `SELECT name, version, key, value FROM model_version_tags WHERE ${where} ORDER BY key`,
          params,
        )),
      );
      aliases.push(
        ...(await tx.all<{ name: string; version: number; alias: string }>(
          `SELECT name, version, alias FROM model_aliases WHERE ${where} ORDER BY alias`,
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

export function versionKey({ name, version }: { name: string; version: number }): string {
  return `${name}/${version}`;
}
