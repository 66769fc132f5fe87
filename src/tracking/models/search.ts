import type { ReadTx } from "../../store/database.ts";
import { experimentNumber } from "../experiments/queries.ts";
import { parseFilter, type Comparison } from "../search/filter.ts";
import { checkUnique } from "../search/order.ts";
import { pageBy, type OrderTerm } from "../search/paging.ts";
import {
  compareEntry,
  compareInteger,
  compareNumber,
  compareText,
  joinSql,
  LISTS,
  name,
  place,
  TEXT,
  type Sql,
} from "../search/sql.ts";
import { invalid } from "../wire/errors.ts";
import {
  absent,
  count,
  messages,
  optionalBoolean,
  optionalString,
  string,
  stringOrEmpty,
  strings,
  type Fields,
} from "../wire/fields.ts";
import { loggedModelMessages, MODEL_COLUMNS, type LoggedModelRow } from "./queries.ts";

/** What a metric was measured with; without a digest, any dataset of that name. */
interface DatasetChoice {
  name: string;
  digest?: string | undefined;
}

interface ModelOrder {
  field: string;
  ascending: boolean;
  /** Of a metric. */
  dataset?: { name?: string | undefined; digest?: string | undefined };
}

export interface LoggedModelSearch {
  workspace: string;
  /** Models of other experiments aren't found. */
  experimentIds: number[];
  filter: string;
  /** Only metrics measured with one of these count; without a metric in the filter, models that have any. */
  datasets?: DatasetChoice[];
  orderBy: ModelOrder[];
  limit: number;
  pageToken: string | undefined;
}

/** Reads MLflow's SearchLoggedModels message. */
export function loggedModelSearch(fields: Fields, workspace: string): LoggedModelSearch {
  if (fields["experiment_ids"] === undefined || fields["experiment_ids"] === null) {
    throw absent("experiment_ids");
  }
  return {
    workspace,
    experimentIds: strings(fields, "experiment_ids").map(experimentNumber),
    filter: stringOrEmpty(fields, "filter"),
    datasets: messages(fields, "datasets").map((dataset) => ({
      name: string(dataset, "dataset_name"),
      digest: optionalString(dataset, "dataset_digest") || undefined,
    })),
    orderBy: messages(fields, "order_by").map((order) => ({
      field: string(order, "field_name"),
      ascending: optionalBoolean(order, "ascending") ?? true,
      dataset: {
        name: optionalString(order, "dataset_name"),
        digest: optionalString(order, "dataset_digest"),
      },
    })),
    limit: count(fields, "max_results", 50, 50_000),
    pageToken: optionalString(fields, "page_token") || undefined,
  };
}

/** A page of logged models as MLflow's SearchLoggedModels.Response; deleted ones are in none. */
export async function searchLoggedModels(tx: ReadTx, search: LoggedModelSearch): Promise<object> {
  const { workspace, experimentIds, filter, datasets = [], orderBy, limit } = search;
  const comparisons = parseFilter(filter);
  const bound = JSON.stringify(["models", workspace, experimentIds, filter, datasets, orderBy]);
  const page = pageBy(orderTerms(orderBy), search.pageToken, bound);
  const measured = datasets.length > 0 && !comparisons.some(isMetric);
  const where = [
    { sql: "m.workspace = ? AND m.lifecycle_stage = 'active'", params: [workspace] },
    inExperiments(experimentIds),
    ...comparisons.map((comparison) => condition(comparison, datasets)),
    ...(measured ? [hasMetric([onDatasets(datasets)])] : []),
    ...(page.after ? [page.after] : []),
  ];
  const { sql, params } = joinSql(where, " AND ");
  const rows = await tx.all<LoggedModelRow & Record<string, unknown>>(
    `SELECT ${MODEL_COLUMNS}, ${page.columns.sql} FROM logged_models m WHERE ${sql} ORDER BY ${page.orderBy} LIMIT ?`,
    [...page.columns.params, ...params, limit + 1],
  );
  const kept = rows.slice(0, limit);
  const last = kept.at(-1);
  return {
    models: await loggedModelMessages(tx, kept),
    ...(rows.length > limit && last ? { next_page_token: page.tokenOf(last) } : {}),
  };
}

/** Numbers that were checked; more of them can come than a statement may have placeholders. */
function inExperiments(ids: readonly number[]): Sql {
  return { sql: ids.length === 0 ? "1 = 0" : `m.experiment_id IN (${ids.join(", ")})`, params: [] };
}

function isMetric({ entity }: Comparison): boolean {
  return entity === "metric" || entity === "metrics";
}

/** Attributes by the names that MLflow takes for them. */
const TEXTS: Readonly<Record<string, string>> = {
  name: "m.name",
  model_id: "m.model_id",
  // MLflow's server keeps an empty text where none was given.
  model_type: "COALESCE(m.model_type, '')",
  source_run_id: "COALESCE(m.source_run_id, '')",
  artifact_location: "m.artifact_uri",
  status_message: "m.status_message",
};
const TIMES: Readonly<Record<string, string>> = {
  creation_timestamp: "m.creation_time",
  creation_timestamp_ms: "m.creation_time",
  creation_time: "m.creation_time",
  last_updated_timestamp: "m.last_update_time",
  last_updated_timestamp_ms: "m.last_update_time",
};
const ATTRIBUTES = [...Object.keys(TEXTS), "experiment_id", "status", ...Object.keys(TIMES)].join("', '");

function columnOf(names: Readonly<Record<string, string>>, key: string): string | undefined {
  return Object.hasOwn(names, key) ? names[key] : undefined;
}

function condition(comparison: Comparison, datasets: readonly DatasetChoice[]): Sql {
  switch (comparison.entity) {
    case "tag":
    case "tags":
      return compareEntry("logged_model_tags", "t.model_id = m.model_id", asText(comparison), [
        ...TEXT,
        ...LISTS,
      ]);
    case "param":
    case "params":
      return compareEntry("logged_model_params", "t.model_id = m.model_id", asText(comparison), [
        ...TEXT,
        ...LISTS,
      ]);
    case "metric":
    case "metrics":
      return metricCondition(comparison, datasets);
    case "attribute":
    case "attributes":
      return attributeCondition(comparison);
    default:
      throw invalid(
        `Invalid entity type: '${comparison.entity}'. Expected one of ['attributes', 'metrics', 'params', 'tags'] ${place(comparison)}`,
      );
  }
}

/** A bare number stands for its digits, as in `params.lr = 0.01`. */
function asText(comparison: Comparison): Comparison {
  return typeof comparison.value === "number" ? { ...comparison, value: comparison.text } : comparison;
}

function attributeCondition(comparison: Comparison): Sql {
  const { key } = comparison;
  const time = columnOf(TIMES, key);
  if (time) return compareInteger(time, comparison);
  if (key === "status") return compareText("m.status", statusNames(comparison));
  if (key === "experiment_id") return compareText("CAST(m.experiment_id AS TEXT)", asText(comparison));
  // By the column itself, which has an index: clients list the models of a run.
  if (key === "source_run_id" && comparison.operator === "=" && comparison.value !== "") {
    return compareText("m.source_run_id", comparison);
  }
  const text = columnOf(TEXTS, key);
  if (text) return compareText(text, asText(comparison));
  throw invalid(
    `Invalid filter key '${name(comparison)}'. Valid ones are '${ATTRIBUTES}', tags, params, metrics ${place(comparison)}`,
  );
}

const STATUSES: Readonly<Record<string, string>> = {
  UNSPECIFIED: "LOGGED_MODEL_STATUS_UNSPECIFIED",
  PENDING: "LOGGED_MODEL_PENDING",
  READY: "LOGGED_MODEL_READY",
  FAILED: "LOGGED_MODEL_UPLOAD_FAILED",
};

/** Python's names of the statuses count as well as the wire's. */
function statusNames(comparison: Comparison): Comparison {
  const { value } = comparison;
  const wire = (status: string): string => columnOf(STATUSES, status) ?? status;
  if (Array.isArray(value)) return { ...comparison, value: value.map(wire) };
  return typeof value === "string" ? { ...comparison, value: wire(value) } : comparison;
}

function metricCondition(comparison: Comparison, datasets: readonly DatasetChoice[]): Sql {
  const { sql, params } = compareNumber("t.value", comparison);
  const compared = comparison.operator === "!=" ? `(t.is_nan = 1 OR ${sql})` : `(t.is_nan = 0 AND ${sql})`;
  return hasMetric([
    { sql: "t.key = ?", params: [comparison.key] },
    { sql: compared, params },
    ...(datasets.length > 0 ? [onDatasets(datasets)] : []),
  ]);
}

function hasMetric(where: readonly Sql[]): Sql {
  const { sql, params } = joinSql(where, " AND ");
  return {
    sql: `EXISTS (SELECT 1 FROM logged_model_metrics t WHERE t.model_id = m.model_id AND ${sql})`,
    params,
  };
}

function onDatasets(datasets: readonly DatasetChoice[]): Sql {
  const { sql, params } = joinSql(
    datasets.map((dataset) => joinSql(onDataset(dataset), " AND ")),
    ") OR (",
  );
  return { sql: `((${sql}))`, params };
}

function onDataset({ name: dataset, digest }: NonNullable<ModelOrder["dataset"]>): Sql[] {
  return [
    ...(dataset ? [{ sql: "t.dataset_name = ?", params: [dataset] }] : []),
    ...(digest ? [{ sql: "t.dataset_digest = ?", params: [digest] }] : []),
  ];
}

/** Missing values come last in either direction; ties by creation, newest first, then by id. */
function orderTerms(orders: readonly ModelOrder[]): OrderTerm[] {
  checkUnique(orders, ({ field, dataset }) => JSON.stringify([field, dataset]));
  const terms = orders.flatMap(termsOf);
  const has = (column: string): boolean => terms.some(({ sql }) => sql === column);
  return [
    ...terms,
    ...(has("m.creation_time") ? [] : [{ sql: "m.creation_time", params: [], descending: true }]),
    ...(has("m.model_id") ? [] : [{ sql: "m.model_id", params: [], descending: false }]),
  ];
}

function termsOf(order: ModelOrder): OrderTerm[] {
  const { field } = order;
  const descending = !order.ascending;
  const key = field.replace(/^attributes?\./, "");
  if (key === "status") return [{ sql: STATUS_NUMBER, params: [], descending }];
  if (key === "experiment_id") return [{ sql: "m.experiment_id", params: [], descending }];
  if (key === "name" || key === "model_id") return [{ sql: `m.${key}`, params: [], descending }];
  const time = columnOf(TIMES, key);
  if (time) return [{ sql: time, params: [], descending }];
  const text = columnOf(TEXTS, key);
  if (text) {
    return [
      { sql: `CASE WHEN ${text} IS NULL THEN 1 ELSE 0 END`, params: [], descending: false },
      { sql: `COALESCE(${text}, '')`, params: [], descending },
    ];
  }
  const metric = /^metrics?\.(.+)$/s.exec(field)?.[1];
  if (metric !== undefined) return metricTerms(metric.replace(/^`(.*)`$/s, "$1"), order);
  throw invalid(`Invalid order by field name: '${field}'. Valid ones are '${ATTRIBUTES}' and metrics.`);
}

/** MLflow numbers the statuses in this order. */
const STATUS_NUMBER = `CASE m.status WHEN 'LOGGED_MODEL_PENDING' THEN 1 WHEN 'LOGGED_MODEL_READY' THEN 2
  WHEN 'LOGGED_MODEL_UPLOAD_FAILED' THEN 3 ELSE 0 END`;

/** The latest value of the metric, on the dataset where one is named. NaN comes behind all values. */
function metricTerms(metric: string, { ascending, dataset = {} }: ModelOrder): OrderTerm[] {
  if (metric.includes("\0")) throw invalid("Invalid order by field name: it contains a NUL character.");
  const where = joinSql([{ sql: "t.key = ?", params: [metric] }, ...onDataset(dataset)], " AND ");
  const latest = (what: string, otherwise: number): Sql => ({
    sql: `COALESCE((SELECT ${what} FROM logged_model_metrics t JOIN runs q ON q.rid = t.rid
      WHERE t.model_id = m.model_id AND ${where.sql}
      ORDER BY t.timestamp DESC, t.step DESC, q.run_id LIMIT 1), ${otherwise})`,
    params: where.params,
  });
  return [
    { ...latest("t.is_nan", 2), descending: false },
    { ...latest("t.value", 0), descending: !ascending },
  ];
}
