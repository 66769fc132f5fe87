import type { ReadTx } from "../../store/database.ts";
import { runRow } from "../runs/queries.ts";
import { wireDouble } from "../wire/json.ts";

interface PointRow {
  value: number;
  is_nan: number;
  timestamp: number;
  step: number;
}

/** Histories of one metric in several runs, of the runs that are there, in the order of their ids. */
export async function bulkHistory(
  tx: ReadTx,
  ask: { workspace: string; runIds: readonly string[]; key: string; limit: number },
): Promise<object> {
  const marks = ask.runIds.map(() => "?").join(", ");
  const rows = await tx.all<PointRow & { run_id: string }>(
    `SELECT r.run_id, m.value, m.is_nan, m.timestamp, m.step FROM runs r JOIN metrics m ON m.rid = r.rid
     WHERE r.run_id IN (${marks}) AND r.workspace = ? AND m.key = ?
     ORDER BY r.run_id, m.timestamp, m.step, m.value LIMIT ?`,
    [...ask.runIds, ask.workspace, ask.key, ask.limit],
  );
  return { metrics: rows.map((row) => message(row, ask.key, row.run_id)) };
}

interface Sample {
  workspace: string;
  runIds: readonly string[];
  key: string;
  /** Points of each run at most. */
  points: number;
  /** Inclusive. */
  steps: { from: number | bigint; to: number | bigint } | undefined;
}

/** Of each run as many points as asked for, spread evenly over its own, the first and the last among them. */
export async function sampledHistory(tx: ReadTx, sample: Sample): Promise<object> {
  const runs: { rid: number; run_id: string }[] = [];
  for (const runId of sample.runIds) runs.push(await runRow(tx, sample.workspace, runId));
  const metrics: object[] = [];
  for (const { rid, run_id: runId } of runs) {
    const points = await sampleOf(tx, rid, sample);
    for (const point of points) metrics.push(message(point, sample.key, runId));
  }
  return { metrics };
}

/** The first of each of `points` equal parts, as MLflow takes them; the last point in the place of the last of these. */
async function sampleOf(tx: ReadTx, rid: number, { key, points, steps }: Sample): Promise<PointRow[]> {
  const where = `rid = ? AND key = ?${steps ? " AND step >= ? AND step <= ?" : ""}`;
  const params = [rid, key, ...(steps ? [steps.from, steps.to] : [])];
  const order = "step, timestamp, value, is_nan";
  const rows = await tx.all<PointRow>(
    `SELECT value, is_nan, timestamp, step FROM (
       SELECT value, is_nan, timestamp, step, part, ROW_NUMBER() OVER (PARTITION BY part ORDER BY ${order}) AS place
       FROM (SELECT value, is_nan, timestamp, step, NTILE(${points}) OVER (ORDER BY ${order}) AS part
             FROM metrics WHERE ${where}) AS parts) AS ranked
     WHERE place = 1 ORDER BY ${order}`,
    params,
  );
  const end = await tx.get<PointRow>(
    `SELECT value, is_nan, timestamp, step FROM metrics WHERE ${where}
     ORDER BY step DESC, timestamp DESC, value DESC, is_nan DESC LIMIT 1`,
    params,
  );
  if (!end || isSame(rows.at(-1), end)) return rows;
  return [...rows.slice(0, points - 1), end];
}

function isSame(a: PointRow | undefined, b: PointRow): boolean {
  return a?.step === b.step && a.timestamp === b.timestamp && a.value === b.value && a.is_nan === b.is_nan;
}

function message({ value, is_nan, timestamp, step }: PointRow, key: string, runId: string): object {
  return { key, value: wireDouble(value, is_nan), timestamp, step, run_id: runId };
}
