import type { ReadTx, SqlValue } from "../../../store/database.ts";
import { joinSql, type Sql } from "../../search/sql.ts";
import type { AggregationType, Metric, View } from "./views.ts";

export interface Aggregation {
  type: AggregationType;
  /** 0 to 100, of PERCENTILE only. */
  percentile: number | null;
}

export interface MetricQuery {
  view: View;
  metric: Metric;
  name: string;
  aggregations: readonly Aggregation[];
  /** Names of the view's dimensions. */
  dimensions: readonly string[];
  /** Milliseconds; null: all time is one bucket. */
  bucketMs: number | null;
  conditions: readonly Sql[];
  limit: number;
}

export interface DataPoint {
  metric_name: string;
  dimensions: Record<string, string>;
  values: Record<string, number>;
}

const BUCKET = "time_bucket";

/** The aggregates of each group, in the order of buckets and dimensions. */
export async function queryMetric(tx: ReadTx, query: MetricQuery): Promise<DataPoint[]> {
  const { view, metric } = query;
  const groups = [
    ...(query.bucketMs === null
      ? []
      : [
          {
            name: BUCKET,
            sql: `${view.time} - (${view.time}) % CAST(? AS BIGINT)`,
            params: [query.bucketMs],
          },
        ]),
    ...query.dimensions.map((name) => ({
      name,
      sql: view.dimensions[name] ?? "NULL",
      params: [] as SqlValue[],
    })),
  ];
  const columns = joinSql(
    [
      ...groups.map(({ sql, params }, index) => ({ sql: `${sql} AS d${index}`, params })),
      { sql: `${metric.expression.replace(/^DISTINCT /, "")} AS v`, params: [] },
    ],
    ", ",
  );
  const where = joinSql(query.conditions, " AND ");
  const keys = groups.map((_, index) => `d${index}`);
  const present = [...keys, "v"].map((key) => `${key} IS NOT NULL`).join(" AND ");
  const rows = `SELECT ${columns.sql} FROM ${view.from} WHERE ${where.sql}`;
  const partition = keys.length === 0 ? "" : `PARTITION BY ${keys.join(", ")}`;
  // Places and numbers within each group, from which percentiles are read on both databases alike.
  const placed = needsPlaces(query)
    ? `SELECT q.*, ROW_NUMBER() OVER (${partition} ORDER BY v) - 1 AS place, COUNT(*) OVER (${partition}) AS size
       FROM (${rows}) q WHERE ${present}`
    : `SELECT q.* FROM (${rows}) q WHERE ${present}`;
  const values = query.aggregations.map(
    (aggregation, index) => `${aggregate(aggregation, metric)} AS a${index}`,
  );
  const grouping = keys.length === 0 ? "" : `GROUP BY ${keys.join(", ")} ORDER BY ${keys.join(", ")}`;
  const found = await tx.all<Record<string, SqlValue>>(
    `SELECT ${[...keys, ...values].join(", ")} FROM (${placed}) p ${grouping} LIMIT ?`,
    [...columns.params, ...where.params, query.limit],
  );
  const names = groups.map((group) => group.name);
  return found
    .map((row) => dataPoint(query, names, row))
    .filter((point) => Object.keys(point.values).length > 0);
}

function needsPlaces({ aggregations }: MetricQuery): boolean {
  return aggregations.some(({ type }) => type === "PERCENTILE");
}

function aggregate({ type, percentile }: Aggregation, metric: Metric): string {
  if (type === "PERCENTILE") return percentileOf(percentile ?? 0);
  if (type === "COUNT") return metric.expression.startsWith("DISTINCT ") ? "COUNT(DISTINCT v)" : "COUNT(v)";
  return `CAST(${type}(v) AS DOUBLE PRECISION)`;
}

/**
 * Linear interpolation between the two values around the place `percentile / 100 * (size - 1)` (Hyndman and Fan's 7th
 * way, as PostgreSQL's percentile_cont and numpy's default). `percentile` is a checked number.
 */
function percentileOf(percentile: number): string {
  const place = `(${percentile / 100} * (size - 1))`;
  const below = `place <= ${place} AND place > ${place} - 1`;
  const above = `place >= ${place} AND place < ${place} + 1`;
  const low = `MAX(CASE WHEN ${below} THEN CAST(v AS DOUBLE PRECISION) END)`;
  const high = `MAX(CASE WHEN ${above} THEN CAST(v AS DOUBLE PRECISION) END)`;
  const part = `MAX(CASE WHEN ${below} THEN ${place} - place END)`;
  return `${low} + (${high} - ${low}) * ${part}`;
}

function dataPoint(query: MetricQuery, groups: readonly string[], row: Record<string, SqlValue>): DataPoint {
  const dimensions = groups.map((name, index): [string, string] => {
    const value = row[`d${index}`] ?? "";
    return [name, name === BUCKET ? bucketTime(Number(value)) : String(value)];
  });
  const values = query.aggregations.flatMap((aggregation, index): [string, number][] => {
    const value = row[`a${index}`];
    return value === null || value === undefined ? [] : [[label(aggregation), Number(value)]];
  });
  return {
    metric_name: query.name,
    dimensions: Object.fromEntries(dimensions),
    values: Object.fromEntries(values),
  };
}

/** MLflow's name of an aggregate: `AVG`, `P99.0`. */
function label({ type, percentile }: Aggregation): string {
  if (type !== "PERCENTILE") return type;
  const text = String(percentile ?? 0);
  return `P${/^\d+$/.test(text) ? `${text}.0` : text}`;
}

/** As Python's isoformat in UTC. */
function bucketTime(ms: number): string {
  const iso = new Date(ms).toISOString().slice(0, -1);
  return `${iso.endsWith(".000") ? iso.slice(0, -4) : `${iso}000`}+00:00`;
}
