import type { ReadTx, SqlValue } from "../../store/database.ts";
import { groupBy } from "../../base/group.ts";
import { invalid } from "../wire/errors.ts";
import type { KeyValue } from "../wire/limits.ts";

export interface ExperimentRow {
  experiment_id: number;
  workspace: string;
  name: string;
  artifact_location: string;
  lifecycle_stage: "active" | "deleted";
  creation_time: number;
  last_update_time: number;
}

export const EXPERIMENT_COLUMNS =
  "experiment_id, workspace, name, artifact_location, lifecycle_stage, creation_time, last_update_time";

export function byId(
  tx: ReadTx,
  workspace: string,
  experimentId: number,
): Promise<ExperimentRow | undefined> {
  const sql = `SELECT ${EXPERIMENT_COLUMNS} FROM experiments WHERE experiment_id = ? AND workspace = ?`;
  return tx.get(sql, [experimentId, workspace]);
}

export function byName(tx: ReadTx, workspace: string, name: string): Promise<ExperimentRow | undefined> {
  const sql = `SELECT ${EXPERIMENT_COLUMNS} FROM experiments WHERE workspace = ? AND name = ?`;
  return tx.get(sql, [workspace, name]);
}

/** Those of the experiments that the tenant has. */
export async function experimentsOf(
  tx: ReadTx,
  workspace: string,
  experimentIds: readonly number[],
): Promise<number[]> {
  const found: number[] = [];
  for (let at = 0; at < experimentIds.length; at += 500) {
    const ids = experimentIds.slice(at, at + 500);
    const rows = await tx.all<{ experiment_id: number }>(
      `SELECT experiment_id FROM experiments WHERE workspace = ? AND experiment_id IN (${ids.map(() => "?").join(", ")})`,
      [workspace, ...ids],
    );
    found.push(...rows.map((row) => row.experiment_id));
  }
  return found;
}

/** Experiments as MLflow's message, with their tags. */
export async function experimentMessages(tx: ReadTx, rows: readonly ExperimentRow[]): Promise<object[]> {
  const tags = await tx.all<KeyValue & { experiment_id: number }>(
    `SELECT experiment_id, key, value FROM experiment_tags WHERE experiment_id IN (${rows.map(() => "?").join(", ") || "NULL"})`,
    rows.map((row): SqlValue => row.experiment_id),
  );
  const byExperiment = groupBy(tags, (tag) => tag.experiment_id);
  return rows.map((row) => ({
    ...row,
    experiment_id: String(row.experiment_id),
    tags: (byExperiment.get(row.experiment_id) ?? []).map(({ key, value }) => ({ key, value })),
  }));
}

/** MLflow's experiment ids are our counted numbers, written as strings. */
export function experimentNumber(id: string): number {
  if (!/^\s*[+-]?\d{1,15}\s*$/.test(id)) {
    throw invalid(`Invalid experiment ID '${id}'. Experiment ID must be a valid integer.`);
  }
  return Number(id);
}
