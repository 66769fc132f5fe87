import type { ReadTx } from "../store/database.ts";
import { groupBy } from "../base/group.ts";
import type { KeyValue } from "../tracking/wire/limits.ts";
import { latestVersionsOf, versionExtras, versionKey, type ModelRow, type VersionRow } from "./queries.ts";

/** MLflow's ModelVersion messages; as there, a search and a model's latest versions come without aliases. */
export async function versionMessages(
  tx: ReadTx,
  rows: readonly VersionRow[],
  withAliases = false,
): Promise<object[]> {
  const { tags, aliases } = await versionExtras(tx, rows, withAliases);
  return rows.map((row) => ({
    name: row.name,
    version: String(row.version),
    creation_timestamp: row.creation_time,
    last_updated_timestamp: row.last_update_time,
    ...(row.user_id === "" ? {} : { user_id: row.user_id }),
    current_stage: row.stage,
    description: row.description,
    source: row.source,
    run_id: row.run_id,
    run_link: row.run_link,
    status: row.status,
    ...(row.model_id === "" ? {} : { model_id: row.model_id }),
    tags: (tags.get(versionKey(row)) ?? []).map(({ key, value }) => ({ key, value })),
    ...(withAliases ? { aliases: aliases.get(versionKey(row)) ?? [] } : {}),
  }));
}

/** MLflow's RegisteredModel message with its latest versions, tags and aliases. */
export async function modelMessage(tx: ReadTx, row: ModelRow): Promise<object> {
  const [message = {}] = await modelMessages(tx, [row]);
  return message;
}

/** Models whose versions, tags and aliases are fetched together. */
const GROUP = 250;

/** The same of many models of one tenant, in a number of queries that grows with the page alone. */
export async function modelMessages(tx: ReadTx, rows: readonly ModelRow[]): Promise<object[]> {
  const found: object[] = [];
  for (let at = 0; at < rows.length; at += GROUP) {
    found.push(...(await groupMessages(tx, rows.slice(at, at + GROUP))));
  }
  return found;
}

async function groupMessages(tx: ReadTx, rows: readonly ModelRow[]): Promise<object[]> {
  const [first] = rows;
  if (!first) return [];
  const names = rows.map((row) => row.name);
  const where = `workspace = ? AND name IN (${names.map(() => "?").join(", ")})`;
  const params = [first.workspace, ...names];
  const tags = groupBy(
    await tx.all<KeyValue & { name: string }>(
      `SELECT name, key, value FROM registered_model_tags WHERE ${where} ORDER BY name, key`,
      params,
    ),
    (tag) => tag.name,
  );
  const aliases = groupBy(
    await tx.all<{ name: string; alias: string; version: number }>(
      `SELECT name, alias, version FROM model_aliases WHERE ${where} ORDER BY name, alias`,
      params,
    ),
    (alias) => alias.name,
  );
  const latest = await latestVersionsOf(tx, first.workspace, names);
  const versions = await versionMessages(tx, latest);
  const versionsOf = groupBy(
    latest.map((row, index) => ({ row, message: versions[index] })),
    ({ row }) => row.name,
  );
  return rows.map((row) => ({
    name: row.name,
    creation_timestamp: row.creation_time,
    last_updated_timestamp: row.last_update_time,
    ...(row.description === "" ? {} : { description: row.description }),
    latest_versions: (versionsOf.get(row.name) ?? []).map(({ message }) => message),
    tags: (tags.get(row.name) ?? []).map(({ key, value }) => ({ key, value })),
    aliases: (aliases.get(row.name) ?? []).map(({ alias, version }) => ({ alias, version: String(version) })),
  }));
}
