import type { SqlValue, Tx } from "../../store/database.ts";
import type { RunRow } from "../runs/queries.ts";
import { isLater, type MetricPoint } from "./metric.ts";

/** Points in one statement. One size only, so that the statement stays prepared. */
const ROWS = 25;

const INSERT_POINT = insertPoints(1);
const INSERT_POINTS = insertPoints(ROWS);

const UPSERT_LATEST = `INSERT INTO latest_metrics
    (rid, key, timestamp, step, value, is_nan, model_id, dataset_name, dataset_digest, experiment_id)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (rid, key) DO UPDATE SET timestamp = excluded.timestamp, step = excluded.step,
    value = excluded.value, is_nan = excluded.is_nan, model_id = excluded.model_id,
    dataset_name = excluded.dataset_name, dataset_digest = excluded.dataset_digest
  WHERE (excluded.step, excluded.timestamp, excluded.value)
     >= (latest_metrics.step, latest_metrics.timestamp, latest_metrics.value)`;

const INSERT_OF_MODEL = `INSERT INTO logged_model_metrics
    (model_id, rid, key, timestamp, step, value, is_nan, dataset_name, dataset_digest)
  SELECT m.model_id, ?, ?, ?, ?, ?, ?, ?, ? FROM logged_models m WHERE m.model_id = ? AND m.workspace = ?
  ON CONFLICT (model_id, rid, key, dataset_name, dataset_digest, timestamp, step)
    DO UPDATE SET value = excluded.value, is_nan = excluded.is_nan`;

/** Keeps the points, and the latest of each key. The same point again changes nothing: clients repeat calls. */
export async function insertMetrics(
  tx: Tx,
  { rid, experiment_id, workspace }: Pick<RunRow, "rid" | "experiment_id"> & { workspace: string },
  points: readonly MetricPoint[],
): Promise<void> {
  const latest = new Map<string, MetricPoint>();
  let rows: SqlValue[] = [];
  for (const point of points) {
    const known = latest.get(point.key);
    if (!known || !isLater(known, point)) latest.set(point.key, point);
    rows.push(rid, point.key, point.timestamp, point.step, point.value, point.isNan);
    if (rows.length === ROWS * 6) {
      await tx.run(INSERT_POINTS, rows);
      rows = [];
    }
    if (point.modelId !== null) await insertOfModel(tx, { rid, workspace }, point, point.modelId);
  }
  for (let at = 0; at < rows.length; at += 6) await tx.run(INSERT_POINT, rows.slice(at, at + 6));
  for (const point of latest.values()) {
    await tx.run(UPSERT_LATEST, [
      rid,
      point.key,
      point.timestamp,
      point.step,
      point.value,
      point.isNan,
      point.modelId,
      point.datasetName,
      point.datasetDigest,
      experiment_id,
    ]);
  }
}

async function insertOfModel(
  tx: Tx,
  { rid, workspace }: { rid: number; workspace: string },
  point: MetricPoint,
  modelId: string,
): Promise<void> {
  await tx.run(INSERT_OF_MODEL, [
    rid,
    point.key,
    point.timestamp,
    point.step,
    point.value,
    point.isNan,
    point.datasetName ?? "",
    point.datasetDigest ?? "",
    modelId,
    workspace,
  ]);
}

function insertPoints(count: number): string {
  const row = "(?, ?, ?, ?, ?, ?)";
  return `INSERT INTO metrics (rid, key, timestamp, step, value, is_nan)
    VALUES ${Array.from({ length: count }, () => row).join(", ")} ON CONFLICT DO NOTHING`;
}
