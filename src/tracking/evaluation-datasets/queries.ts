import type { ReadTx } from "../../store/database.ts";
import { groupBy } from "../../base/group.ts";
import { invalid, missing } from "../wire/errors.ts";
import type { KeyValue } from "../wire/limits.ts";

export interface DatasetRow {
  dataset_id: string;
  name: string;
  digest: string;
  schema_json: string | null;
  records: number;
  created_time: number;
  last_update_time: number;
  created_by: string | null;
  last_updated_by: string | null;
}

export interface RecordRow {
  dataset_id: string;
  input_digest: string;
  record_id: string;
  inputs: string;
  outputs: string | null;
  expectations: string | null;
  tags: string | null;
  source: string | null;
  created_time: number;
  last_update_time: number;
  created_by: string | null;
  last_updated_by: string | null;
}

export const DATASET_COLUMNS = `d.dataset_id, d.name, d.digest, d.schema_json, d.records, d.created_time,
  d.last_update_time, d.created_by, d.last_updated_by`;
export const RECORD_COLUMNS = `dataset_id, input_digest, record_id, inputs, outputs, expectations, tags, source,
  created_time, last_update_time, created_by, last_updated_by`;

export function findDataset(tx: ReadTx, workspace: string, id: string): Promise<DatasetRow | undefined> {
  const sql = `SELECT ${DATASET_COLUMNS} FROM evaluation_datasets d WHERE d.dataset_id = ? AND d.workspace = ?`;
  return tx.get(sql, [id, workspace]);
}

export async function datasetRow(tx: ReadTx, workspace: string, id: string): Promise<DatasetRow> {
  const row = await findDataset(tx, workspace, id);
  if (!row) throw missing(`Evaluation dataset with id '${id}' not found`);
  return row;
}

/** MLflow's Dataset messages. Their experiments are asked for by a call of their own. */
export async function datasetMessages(tx: ReadTx, rows: readonly DatasetRow[]): Promise<object[]> {
  const tags: (KeyValue & { dataset_id: string })[] = [];
  for (let at = 0; at < rows.length; at += 500) {
    const ids = rows.slice(at, at + 500).map((row) => row.dataset_id);
    const marks = ids.map(() => "?").join(", ");
    const sql = `SELECT dataset_id, key, value FROM evaluation_dataset_tags WHERE dataset_id IN (${marks}) ORDER BY key`;
    tags.push(...(await tx.all<KeyValue & { dataset_id: string }>(sql, ids)));
  }
  const tagsOf = groupBy(tags, (tag) => tag.dataset_id);
  return rows.map((row) => ({
    dataset_id: row.dataset_id,
    name: row.name,
    digest: row.digest,
    created_time: row.created_time,
    last_update_time: row.last_update_time,
    tags: JSON.stringify(
      Object.fromEntries((tagsOf.get(row.dataset_id) ?? []).map(({ key, value }) => [key, value])),
    ),
    ...(row.schema_json === null ? {} : { schema: row.schema_json }),
    ...(row.records === 0 ? {} : { profile: JSON.stringify({ num_records: row.records }) }),
    ...(row.created_by === null ? {} : { created_by: row.created_by }),
    ...(row.last_updated_by === null ? {} : { last_updated_by: row.last_updated_by }),
  }));
}

export async function datasetExperiments(tx: ReadTx, id: string): Promise<string[]> {
  const rows = await tx.all<{ experiment_id: number }>(
    "SELECT experiment_id FROM evaluation_dataset_experiments WHERE dataset_id = ? ORDER BY experiment_id",
    [id],
  );
  return rows.map((row) => String(row.experiment_id));
}

/** A page of a dataset's records, oldest first: MLflow's client reads them from a JSON text. */
export async function recordsPage(
  tx: ReadTx,
  page: { workspace: string; id: string; limit: number; pageToken: string | undefined },
): Promise<object> {
  await datasetRow(tx, page.workspace, page.id);
  const after = page.pageToken === undefined ? undefined : readToken(page.pageToken);
  const rows = await tx.all<RecordRow>(
    `SELECT ${RECORD_COLUMNS} FROM evaluation_dataset_records WHERE dataset_id = ?
     ${after ? "AND (created_time > ? OR (created_time = ? AND record_id > ?))" : ""}
     ORDER BY created_time, record_id LIMIT ?`,
    [page.id, ...(after ? [after.time, after.time, after.id] : []), page.limit + 1],
  );
  const kept = rows.slice(0, page.limit);
  const last = kept.at(-1);
  const token = last && Buffer.from(`${last.created_time}:${last.record_id}`).toString("base64");
  return {
    records: `[${kept.map(recordText).join(", ")}]`,
    ...(rows.length > page.limit ? { next_page_token: token } : {}),
  };
}

/** JSON text of one record; what is kept as JSON goes out as it is. */
function recordText(row: RecordRow): string {
  const source = row.source === null ? null : (JSON.parse(row.source) as Source);
  const fields: [string, string | null][] = [
    ["dataset_record_id", JSON.stringify(row.record_id)],
    ["dataset_id", JSON.stringify(row.dataset_id)],
    ["inputs", row.inputs],
    ["outputs", row.outputs],
    ["expectations", row.expectations],
    ["tags", row.tags ?? "{}"],
    ["source", row.source],
    ["source_id", textOf(source?.source_data[source.source_type === "TRACE" ? "trace_id" : "source_id"])],
    ["source_type", textOf(source?.source_type)],
    ["created_time", String(row.created_time)],
    ["last_update_time", String(row.last_update_time)],
    ["created_by", textOf(row.created_by)],
    ["last_updated_by", textOf(row.last_updated_by)],
  ];
  return `{${fields.flatMap(([name, json]) => (json === null ? [] : [`"${name}": ${json}`])).join(", ")}}`;
}

interface Source {
  source_type: string;
  source_data: Record<string, unknown>;
}

function textOf(value: unknown): string | null {
  return typeof value === "string" ? JSON.stringify(value) : null;
}

function readToken(token: string): { time: number; id: string } {
  const [, time, id] = /^(\d{1,15}):([\w-]+)$/.exec(Buffer.from(token, "base64").toString()) ?? [];
  if (time === undefined || id === undefined) throw invalid("Invalid page token: it isn't one of ours.");
  return { time: Number(time), id };
}
