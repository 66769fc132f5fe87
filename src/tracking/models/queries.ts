import type { ReadTx } from "../../store/database.ts";
import { groupBy } from "../../base/group.ts";
import { missing } from "../wire/errors.ts";
import { wireDouble } from "../wire/json.ts";
import type { KeyValue } from "../wire/limits.ts";

export const MODEL_STATUSES = [
  "LOGGED_MODEL_STATUS_UNSPECIFIED",
  "LOGGED_MODEL_PENDING",
  "LOGGED_MODEL_READY",
  "LOGGED_MODEL_UPLOAD_FAILED",
] as const;
export type ModelStatus = (typeof MODEL_STATUSES)[number];

export interface LoggedModelRow {
  model_id: string;
  experiment_id: number;
  name: string;
  artifact_uri: string;
  creation_time: number;
  last_update_time: number;
  status: ModelStatus;
  status_message: string | null;
  model_type: string | null;
  source_run_id: string | null;
  lifecycle_stage: "active" | "deleted";
}

export const MODEL_COLUMNS = `m.model_id, m.experiment_id, m.name, m.artifact_uri, m.creation_time, m.last_update_time,
  m.status, m.status_message, m.model_type, m.source_run_id, m.lifecycle_stage`;

/** The logged model; a deleted one only where that is asked for. */
export async function loggedModelRow(
  tx: ReadTx,
  workspace: string,
  modelId: string,
  allowDeleted = false,
): Promise<LoggedModelRow> {
  const row = await tx.get<LoggedModelRow>(
    `SELECT ${MODEL_COLUMNS} FROM logged_models m WHERE m.model_id = ? AND m.workspace = ?`,
    [modelId, workspace],
  );
  if (!row || (row.lifecycle_stage === "deleted" && !allowDeleted))
    throw missing(`Logged model with ID '${modelId}' not found.`);
  return row;
}

interface MetricRow {
  model_id: string;
  run_id: string;
  key: string;
  value: number;
  is_nan: number;
  timestamp: number;
  step: number;
  dataset_name: string;
  dataset_digest: string;
}

type EntryRow = KeyValue & { model_id: string };

/** MLflow's LoggedModel messages: info with tags, data with params and metrics. */
export async function loggedModelMessages(tx: ReadTx, rows: readonly LoggedModelRow[]): Promise<object[]> {
  if (rows.length === 0) return [];
  const ids = rows.map((row) => row.model_id);
  const marks = ids.map(() => "?").join(", ");
  const entries = async (table: string): Promise<Map<string, EntryRow[]>> => {
    const sql = `SELECT model_id, key, value FROM ${table} WHERE model_id IN (${marks}) ORDER BY model_id, key`;
    return groupBy(await tx.all<EntryRow>(sql, ids), (row) => row.model_id);
  };
  const tags = await entries("logged_model_tags");
  const params = await entries("logged_model_params");
  const metrics = groupBy(
    await tx.all<MetricRow>(
      `SELECT t.model_id, r.run_id, t.key, t.value, t.is_nan, t.timestamp, t.step, t.dataset_name, t.dataset_digest
       FROM logged_model_metrics t JOIN runs r ON r.rid = t.rid WHERE t.model_id IN (${marks})
       ORDER BY t.model_id, t.key, t.step, t.timestamp`,
      ids,
    ),
    (row) => row.model_id,
  );
  return rows.map((row) => ({
    info: modelInfo(row, tags.get(row.model_id) ?? []),
    data: {
      params: (params.get(row.model_id) ?? []).map(({ key, value }) => ({ key, value })),
      metrics: (metrics.get(row.model_id) ?? []).map(metricMessage),
    },
  }));
}

function modelInfo(row: LoggedModelRow, tags: readonly EntryRow[]): object {
  return {
    model_id: row.model_id,
    experiment_id: String(row.experiment_id),
    name: row.name,
    artifact_uri: row.artifact_uri,
    creation_timestamp_ms: row.creation_time,
    last_updated_timestamp_ms: row.last_update_time,
    status: row.status,
    ...(row.status_message === null ? {} : { status_message: row.status_message }),
    model_type: row.model_type ?? "",
    source_run_id: row.source_run_id ?? "",
    tags: tags.map(({ key, value }) => ({ key, value })),
  };
}

function metricMessage(row: MetricRow): object {
  return {
    key: row.key,
    value: wireDouble(row.value, row.is_nan),
    timestamp: row.timestamp,
    step: row.step,
    model_id: row.model_id,
    run_id: row.run_id,
    ...(row.dataset_name === "" ? {} : { dataset_name: row.dataset_name }),
    ...(row.dataset_digest === "" ? {} : { dataset_digest: row.dataset_digest }),
  };
}
