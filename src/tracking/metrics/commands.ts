import type { SqlValue, Tx } from "../../store/database.ts";
import type { RunRow } from "../runs/queries.ts";
import { invalid } from "../wire/errors.ts";
import { isLater, type MetricPoint } from "./metric.ts";

/** Points in one statement. One size only, so that the statement stays prepared. */
const ROWS = 25;

const insertPoints = bySize(
  6,
  (values) => `INSERT INTO metrics (rid, key, timestamp, step, value, is_nan)
    VALUES ${values} ON CONFLICT DO NOTHING`,
);

const upsertLatest = bySize(
  10,
  (values) => `INSERT INTO latest_metrics
    (rid, key, timestamp, step, value, is_nan, model_id, dataset_name, dataset_digest, experiment_id)
  VALUES ${values}
  ON CONFLICT (rid, key) DO UPDATE SET timestamp = excluded.timestamp, step = excluded.step,
    value = excluded.value, is_nan = excluded.is_nan, model_id = excluded.model_id,
    dataset_name = excluded.dataset_name, dataset_digest = excluded.dataset_digest
  WHERE (excluded.step, excluded.timestamp, excluded.value)
     >= (latest_metrics.step, latest_metrics.timestamp, latest_metrics.value)`,
);

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
  const rows: SqlValue[][] = [];
  // Sent one behind the other, awaited together: a database in another process is asked once for all of them.
  const sent: Promise<unknown>[] = [];
  for (const point of points) {
    const known = latest.get(point.key);
    if (!known || !isLater(known, point)) latest.set(point.key, point);
    rows.push([rid, point.key, point.timestamp, point.step, point.value, point.isNan]);
    if (point.modelId !== null) sent.push(insertOfModel(tx, { rid, workspace }, point, point.modelId));
  }
  const latestRows = [...latest.values()].map((point) => [
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
  sent.push(...insertPoints(tx, rows), ...upsertLatest(tx, latestRows));
  await Promise.all(sent);
}

async function insertOfModel(
  tx: Tx,
  { rid, workspace }: { rid: number; workspace: string },
  point: MetricPoint,
  modelId: string,
): Promise<void> {
  const { changes } = await tx.run(INSERT_OF_MODEL, [
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
  if (changes === 0) throw invalid(`Logged model with ID '${modelId}' not found.`);
}

/** Statements for any number of rows of so many columns: as many at a time as fit, then one by one. */
function bySize(
  columns: number,
  sql: (values: string) => string,
): (tx: Tx, rows: readonly SqlValue[][]) => Promise<unknown>[] {
  const row = `(${Array.from({ length: columns }, () => "?").join(", ")})`;
  const one = sql(row);
  const many = sql(Array.from({ length: ROWS }, () => row).join(", "));
  return (tx, rows) => {
    const sent: Promise<unknown>[] = [];
    let at = 0;
    for (; at + ROWS <= rows.length; at += ROWS) sent.push(tx.run(many, rows.slice(at, at + ROWS).flat()));
    for (const rest of rows.slice(at)) sent.push(tx.run(one, rest));
    return sent;
  };
}
