import type { TrackingDeps } from "../../deps.ts";
import type { Sql } from "../../search/sql.ts";
import { experimentNumber } from "../../experiments/queries.ts";
import { invalid } from "../../wire/errors.ts";
import {
  count,
  double,
  messages,
  optionalEnum,
  optionalInt64,
  string,
  strings,
  type Fields,
} from "../../wire/fields.ts";
import type { MlflowCall } from "../../wire/routes.ts";
import { marks, ownExperiments } from "../rows.ts";
import { metricFilter } from "./filters.ts";
import { queryMetric, type Aggregation, type MetricQuery } from "./query.ts";
import { AGGREGATIONS, VIEWS, type Metric, type ViewType } from "./views.ts";

const MAX = { experiments: 1000, aggregations: 50, filters: 50, results: 10_000 } as const;

/** QueryTraceMetrics: aggregates over traces, spans or assessments, by time and by what they have in common. */
export async function traceMetrics({ db }: TrackingDeps, { fields, workspace }: MlflowCall): Promise<object> {
  const ids = list(strings(fields, "experiment_ids"), "experiment_ids", MAX.experiments);
  const viewType = optionalEnum(fields, "view_type", Object.keys(VIEWS) as ViewType[]);
  if (!viewType) throw invalid("Missing value for required parameter 'view_type'.");
  const { conditions, ...query } = readQuery(fields, viewType);
  return db.read(async (tx) => {
    const experiments = await ownExperiments(tx, workspace, ids.map(experimentNumber));
    const scope = { sql: `r.experiment_id IN (${marks(experiments) || "NULL"})`, params: experiments };
    return { data_points: await queryMetric(tx, { ...query, conditions: [scope, ...conditions] }) };
  });
}

function readQuery(fields: Fields, viewType: ViewType): MetricQuery {
  const view = VIEWS[viewType];
  const name = string(fields, "metric_name");
  const metric = Object.hasOwn(view.metrics, name) ? view.metrics[name] : undefined;
  if (!metric) {
    throw invalid(
      `metric_name must be one of ${Object.keys(view.metrics).join(", ")}, got '${name.slice(0, 100)}'`,
    );
  }
  const aggregations = list(messages(fields, "aggregations"), "aggregations", MAX.aggregations);
  const seconds = optionalInt64(fields, "time_interval_seconds");
  const [start, end] = [optionalInt64(fields, "start_time_ms"), optionalInt64(fields, "end_time_ms")];
  if (seconds && (start === undefined || end === undefined)) {
    throw invalid("start_time_ms and end_time_ms are required if time_interval_seconds is set");
  }
  if (seconds !== undefined && (seconds < 0 || seconds > 10_000_000_000)) {
    throw invalid(`Invalid value ${seconds} for parameter 'time_interval_seconds' supplied.`);
  }
  const filters = strings(fields, "filters");
  if (filters.length > MAX.filters) throw invalid(`At most ${MAX.filters} filters can be given.`);
  return {
    view,
    metric,
    name,
    aggregations: aggregations.map((item) => readAggregation(item, metric)),
    dimensions: readDimensions(strings(fields, "dimensions"), metric),
    bucketMs: seconds ? Number(seconds) * 1000 : null,
    conditions: [
      ...timeCondition(name, viewType, ">=", start),
      ...timeCondition(name, viewType, "<=", end),
      ...filters.map((filter) => metricFilter(filter, viewType)),
    ],
    limit: count(fields, "max_results", 1000, MAX.results),
  };
}

/** Costs are counted by the time of their span, everything else by that of its trace. Both ends belong to the range. */
function timeCondition(
  metric: string,
  view: ViewType,
  operator: ">=" | "<=",
  ms: number | bigint | undefined,
): Sql[] {
  if (ms === undefined) return [];
  if (view !== "SPANS" || !metric.endsWith("_cost"))
    return [{ sql: `r.request_time ${operator} ?`, params: [ms] }];
  const ns = BigInt(ms) * 1_000_000n;
  const within = (value: bigint): bigint =>
    value > 2n ** 63n - 1n ? 2n ** 63n - 1n : value < 0n ? 0n : value;
  if (operator === ">=") return [{ sql: "s.start_ns >= ?", params: [within(ns)] }];
  return [{ sql: "s.start_ns < ?", params: [within(ns + 1_000_000n)] }];
}

function readAggregation(item: Fields, metric: Metric): Aggregation {
  const type = optionalEnum(item, "aggregation_type", AGGREGATIONS);
  if (!type || !metric.aggregations.includes(type)) {
    throw invalid(
      `Found invalid aggregation_type(s): ['${type ?? "none"}']. Supported aggregation types: ${metric.aggregations.join(", ")}`,
    );
  }
  const given = item["percentile_value"] !== undefined && item["percentile_value"] !== null;
  if (type !== "PERCENTILE") {
    if (given) throw invalid(`Percentile value is only allowed for PERCENTILE aggregation type, got ${type}`);
    return { type, percentile: null };
  }
  if (!given) throw invalid("Percentile value is required for PERCENTILE aggregation");
  const percentile = double(item, "percentile_value");
  if (!(percentile >= 0 && percentile <= 100)) {
    throw invalid(`Percentile value must be between 0 and 100, got ${percentile}`);
  }
  return { type, percentile };
}

function readDimensions(given: readonly string[], metric: Metric): string[] {
  const unknown = given.filter((dimension) => !metric.dimensions.includes(dimension));
  if (unknown.length === 0) return [...new Set(given)];
  throw invalid(
    `Found invalid dimension(s): ${unknown.join(", ").slice(0, 200)}. Supported dimensions: ${metric.dimensions.join(", ") || "none"}`,
  );
}

function list<Item>(items: Item[], name: string, max: number): Item[] {
  if (items.length === 0) throw invalid(`Missing value for required parameter '${name}'.`);
  if (items.length > max) throw invalid(`At most ${max} values can be given for parameter '${name}'.`);
  return items;
}
