import { defineCommand, type SqlValue } from "../../store/database.ts";
import { marks } from "./rows.ts";

/** Traces that one command removes: bounds how long other writes wait for it. */
export const DELETE_BATCH = 500;

interface DeleteArgs {
  workspace: string;
  experimentId: number;
  /** Which ones; else those up to `maxTime`, oldest first. */
  traceIds: string[] | null;
  /** Milliseconds since the epoch. */
  maxTime: number | null;
  /** At most so many, and never more than DELETE_BATCH. */
  limit: number;
}

/** Removes traces with all that hangs on them in the database; their ids. */
export const deleteTraces = defineCommand(
  "traces.delete",
  async (tx, args: DeleteArgs): Promise<string[]> => {
    const conditions = ["workspace = ?", "experiment_id = ?"];
    const params: SqlValue[] = [args.workspace, args.experimentId];
    if (args.traceIds) {
      conditions.push(`trace_id IN (${marks(args.traceIds)})`);
      params.push(...args.traceIds);
    }
    if (args.maxTime !== null) {
      conditions.push("request_time <= ?");
      params.push(args.maxTime);
    }
    const rows = await tx.all<{ tid: number; trace_id: string }>(
      `SELECT tid, trace_id FROM traces WHERE ${conditions.join(" AND ")} ORDER BY request_time, trace_id LIMIT ?`,
      [...params, Math.min(args.limit, DELETE_BATCH)],
    );
    const tids = rows.map((row) => row.tid);
    if (tids.length === 0) return [];
    for (const table of ["spans", "trace_tags", "trace_metadata", "trace_links", "assessments", "traces"]) {
      await tx.run(`DELETE FROM ${table} WHERE tid IN (${marks(tids)})`, tids);
    }
    return rows.map((row) => row.trace_id);
  },
);
