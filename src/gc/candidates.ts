import type { ReadTx, SqlValue } from "../store/database.ts";
import type { Wanted } from "./thing.ts";

/** Rows of the table that one look goes through: bounds how long a look takes when little in it is deleted. */
const WINDOW = 20_000;

export interface DeletedRun {
  rid: number;
  run_id: string;
  experiment_id: number;
  artifact_uri: string;
}

export interface DeletedModel {
  model_id: string;
  experiment_id: number;
  artifact_uri: string;
}

export interface DeletedExperiment {
  experiment_id: number;
  name: string;
  artifact_location: string;
}

/** A page of what was looked for; `next` is where to go on, undefined at the end. */
export interface Page<Row> {
  rows: Row[];
  next: number | undefined;
}

export const marks = (list: readonly unknown[]): string => list.map(() => "?").join(", ");

/** What makes a tracking run one of those that are wanted. */
export function runConditions(wanted: Wanted): { sql: string; params: SqlValue[] } {
  const { experimentIds, runIds } = wanted;
  const parts = ["r.workspace = ?", "r.lifecycle_stage = 'deleted'", "COALESCE(r.deleted_time, 0) <= ?"];
  const params: SqlValue[] = [wanted.workspace, wanted.cutoff];
  if (experimentIds !== null) {
    parts.push(`r.experiment_id IN (${marks(experimentIds)})`);
    params.push(...experimentIds);
  }
  if (runIds !== null) {
    parts.push(`r.run_id IN (${marks(runIds)})`);
    params.push(...runIds);
  }
  return { sql: parts.join(" AND "), params };
}

/** Deleted tracking runs behind a number, by their numbers. */
export async function deletedRuns(
  tx: ReadTx,
  wanted: Wanted,
  after: number,
  limit: number,
): Promise<Page<DeletedRun>> {
  const { sql, params } = runConditions(wanted);
  const end = await tx.get<{ last: number | null }>("SELECT MAX(rid) AS last FROM runs");
  const last = Number(end?.last ?? 0);
  const until = wanted.runIds === null ? Math.min(last, after + WINDOW) : last;
  const rows = await tx.all<DeletedRun>(
    `SELECT r.rid, r.run_id, r.experiment_id, r.artifact_uri FROM runs r
     WHERE r.rid > ? AND r.rid <= ? AND ${sql} ORDER BY r.rid LIMIT ?`,
    [after, until, ...params, limit],
  );
  const reached = rows.length === limit ? (rows.at(-1)?.rid ?? until) : until;
  return { rows, next: reached < last ? reached : undefined };
}

/** Logged models that are deleted, or whose experiment is, in the order of their ids behind one of them. */
export async function deletedModels(
  tx: ReadTx,
  wanted: Wanted,
  after: string,
  limit: number,
): Promise<DeletedModel[]> {
  if (wanted.runIds !== null) return [];
  const { sql, params } = modelConditions(wanted);
  return tx.all<DeletedModel>(
    `SELECT m.model_id, m.experiment_id, m.artifact_uri FROM logged_models m
     JOIN experiments e ON e.experiment_id = m.experiment_id
     WHERE m.model_id > ? AND ${sql} ORDER BY m.model_id LIMIT ?`,
    [after, ...params, limit],
  );
}

/** The same for `logged_models m JOIN experiments e`. */
export function modelConditions(wanted: Wanted): { sql: string; params: SqlValue[] } {
  const { workspace, cutoff, experimentIds } = wanted;
  const within = experimentIds === null ? "" : ` AND m.experiment_id IN (${marks(experimentIds)})`;
  return {
    sql: `m.workspace = ?${within} AND ((m.lifecycle_stage = 'deleted' AND m.last_update_time <= ?)
      OR (e.lifecycle_stage = 'deleted' AND e.last_update_time <= ?))`,
    params: [workspace, ...(experimentIds ?? []), cutoff, cutoff],
  };
}

/** Deleted experiments; an experiment is changed by nothing once it is deleted. */
export async function deletedExperiments(tx: ReadTx, wanted: Wanted): Promise<DeletedExperiment[]> {
  if (wanted.runIds !== null) return [];
  const { workspace, cutoff, experimentIds } = wanted;
  const within = experimentIds === null ? "" : ` AND experiment_id IN (${marks(experimentIds)})`;
  return tx.all<DeletedExperiment>(
    `SELECT experiment_id, name, artifact_location FROM experiments
     WHERE workspace = ? AND lifecycle_stage = 'deleted' AND last_update_time <= ?${within} ORDER BY experiment_id`,
    [workspace, cutoff, ...(experimentIds ?? [])],
  );
}
