import type { ReadTx } from "../../store/database.ts";
import { invalid, missing } from "../wire/errors.ts";

export const RUN_STATUSES = ["RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED"] as const;
export type RunStatus = (typeof RUN_STATUSES)[number];

export interface RunRow {
  /** The run's number inside the database. */
  rid: number;
  run_id: string;
  experiment_id: number;
  run_name: string;
  user_id: string;
  status: RunStatus;
  start_time: number;
  end_time: number | null;
  artifact_uri: string;
  lifecycle_stage: "active" | "deleted";
}

export const RUN_COLUMNS = `r.rid, r.run_id, r.experiment_id, r.run_name, r.user_id, r.status, r.start_time, r.end_time,
  r.artifact_uri, r.lifecycle_stage`;

/** The scope of commands that write a tracking run and what hangs on it, and nothing else. */
export function runScope({ runId }: { runId: string }): string {
  return `run/${runId}`;
}

/** The run, deleted or not. */
export async function runRow(tx: ReadTx, workspace: string, runId: string): Promise<RunRow> {
  const sql = `SELECT ${RUN_COLUMNS} FROM runs r WHERE r.run_id = ? AND r.workspace = ?`;
  const row = await tx.get<RunRow>(sql, [runId, workspace]);
  if (!row) throw missing(`Run with id=${runId} not found`);
  return row;
}

/** The run's number, when something may still be logged to it. */
export async function activeRun(
  tx: ReadTx,
  workspace: string,
  runId: string,
): Promise<Pick<RunRow, "rid" | "experiment_id" | "lifecycle_stage">> {
  const row = await tx.get<Pick<RunRow, "rid" | "experiment_id" | "lifecycle_stage">>(
    "SELECT rid, experiment_id, lifecycle_stage FROM runs WHERE run_id = ? AND workspace = ?",
    [runId, workspace],
  );
  if (!row) throw missing(`Run with id=${runId} not found`);
  if (row.lifecycle_stage !== "active") {
    throw invalid(`The run ${runId} must be in the 'active' state. Current state is ${row.lifecycle_stage}.`);
  }
  return row;
}

/** MLflow's RunInfo. */
export function runInfo(row: Omit<RunRow, "rid" | "start_time"> & { start_time: number | bigint }): object {
  return {
    run_id: row.run_id,
    run_uuid: row.run_id,
    experiment_id: String(row.experiment_id),
    run_name: row.run_name,
    user_id: row.user_id,
    status: row.status,
    start_time: row.start_time,
    // As MLflow, which takes 0 for no end.
    ...(row.end_time ? { end_time: row.end_time } : {}),
    artifact_uri: row.artifact_uri,
    lifecycle_stage: row.lifecycle_stage,
  };
}
