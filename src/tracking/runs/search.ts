import type { ReadTx } from "../../store/database.ts";
import { experimentsOf } from "../experiments/queries.ts";
import { stageCondition, type ViewType } from "../experiments/search.ts";
import { parseFilter, type Comparison } from "../search/filter.ts";
import { parseOrder, type OrderClause } from "../search/order.ts";
import { pageBy, type OrderTerm } from "../search/paging.ts";
import { compareEntry, compareNumber, compareText, joinSql, name, type Sql } from "../search/sql.ts";
import { invalid } from "../wire/errors.ts";
import { runMessages } from "./messages.ts";
import { RUN_COLUMNS, type RunRow } from "./queries.ts";

export interface RunSearch {
  workspace: string;
  experimentIds: number[];
  filter: string;
  orderBy: string[];
  view: ViewType;
  limit: number;
  pageToken: string | undefined;
}

export async function searchRuns(tx: ReadTx, search: RunSearch): Promise<object> {
  const conditions = parseFilter(search.filter).map(condition);
  const page = pageBy(orderTerms(search.orderBy), search.pageToken);
  const experimentIds = await experimentsOf(tx, search.workspace, search.experimentIds);
  if (experimentIds.length === 0) return { runs: [] };
  const { sql, params } = joinSql(
    [
      {
        sql: `r.experiment_id IN (${experimentIds.map(() => "?").join(", ")})`,
        params: experimentIds,
      },
      ...stageCondition("r.lifecycle_stage", search.view),
      ...conditions,
      ...(page.after ? [page.after] : []),
    ],
    " AND ",
  );
  const rows = await tx.all<RunRow & Record<string, unknown>>(
    `SELECT ${RUN_COLUMNS}, ${page.columns.sql} FROM runs r WHERE ${sql} ORDER BY ${page.orderBy} LIMIT ?`,
    [...page.columns.params, ...params, search.limit + 1],
  );
  const kept = rows.slice(0, search.limit);
  const last = kept.at(-1);
  return {
    runs: await runMessages(tx, kept),
    ...(rows.length > search.limit && last ? { next_page_token: page.tokenOf(last) } : {}),
  };
}

/** Attributes by the names that MLflow takes for them. */
const ATTRIBUTES: Record<string, string> = {
  run_id: "run_id",
  run_name: "run_name",
  "run name": "run_name",
  "Run name": "run_name",
  "Run Name": "run_name",
  user_id: "user_id",
  status: "status",
  artifact_uri: "artifact_uri",
  start_time: "start_time",
  end_time: "end_time",
  created: "start_time",
  Created: "start_time",
};

function attribute(key: string): string {
  const column = ATTRIBUTES[key];
  if (column) return column;
  const allowed = [...new Set(Object.values(ATTRIBUTES))].join(", ");
  throw invalid(`Invalid attribute key '${key}' specified. Valid keys are ${allowed}.`);
}

function isTime(column: string): boolean {
  return column === "start_time" || column === "end_time";
}

function condition(comparison: Comparison): Sql {
  switch (comparison.entity) {
    case "metric":
    case "metrics": {
      const { sql, params } = compareNumber("t.value", comparison);
      return {
        sql: `EXISTS (SELECT 1 FROM latest_metrics t WHERE t.rid = r.rid AND t.key = ? AND t.is_nan = 0 AND ${sql})`,
        params: [comparison.key, ...params],
      };
    }
    case "param":
    case "params":
    case "parameter":
    case "parameters":
      return compareEntry("params", "t.rid = r.rid", comparison);
    case "tag":
    case "tags":
      return compareEntry("tags", "t.rid = r.rid", comparison);
    case "dataset":
    case "datasets":
      return datasetCondition(comparison);
    case "attribute":
    case "attributes":
    case "attr":
    case "run": {
      const column = attribute(comparison.key);
      return isTime(column)
        ? compareNumber(`r.${column}`, comparison)
        : compareText(`r.${column}`, comparison);
    }
    default:
      throw invalid(
        `Invalid entity type '${comparison.entity}' in '${name(comparison)}'. Valid values are metrics, params, tags, attributes, datasets.`,
      );
  }
}

function datasetCondition(comparison: Comparison): Sql {
  const { key } = comparison;
  if (key === "context") {
    const { sql, params } = compareText("t.value", comparison);
    return {
      sql: `EXISTS (SELECT 1 FROM input_tags t WHERE t.rid = r.rid AND t.key = 'mlflow.data.context' AND ${sql})`,
      params,
    };
  }
  if (key !== "name" && key !== "digest") {
    throw invalid(`Invalid dataset key '${key}' specified. Valid keys are name, digest, context.`);
  }
  const { sql, params } = compareText(`d.${key}`, comparison);
  return {
    sql: `EXISTS (SELECT 1 FROM inputs i JOIN datasets d ON d.dataset_id = i.dataset_id
      WHERE i.rid = r.rid AND ${sql})`,
    params,
  };
}

/** Values first, then NaN, then what is missing; ties by start time, newest first, then by id. */
function orderTerms(clauses: readonly string[]): OrderTerm[] {
  const named = parseOrder(clauses);
  const columns = new Set(named.filter(isAttribute).map((clause) => attribute(clause.key)));
  const last: OrderTerm[] = [
    { sql: "r.start_time", params: [], descending: true },
    { sql: "r.run_id", params: [], descending: false },
  ];
  return [...named.flatMap(termsOf), ...last.filter(({ sql }) => !columns.has(sql.slice(2)))];
}

function isAttribute({ entity }: OrderClause): boolean {
  return ["attribute", "attributes", "attr", "run"].includes(entity);
}

function termsOf(clause: OrderClause): OrderTerm[] {
  const { entity, key, descending } = clause;
  if (isAttribute(clause)) {
    const column = attribute(key);
    if (column !== "end_time") return [{ sql: `r.${column}`, params: [], descending }];
    return [
      { sql: "CASE WHEN r.end_time IS NULL THEN 1 ELSE 0 END", params: [], descending: false },
      { sql: "COALESCE(r.end_time, 0)", params: [], descending },
    ];
  }
  const entry = (what: string, table: string, otherwise: string): string =>
    `COALESCE((SELECT ${what} FROM ${table} t WHERE t.rid = r.rid AND t.key = ?), ${otherwise})`;
  if (entity === "metric" || entity === "metrics") {
    return [
      { sql: entry("t.is_nan", "latest_metrics", "2"), params: [key], descending: false },
      { sql: entry("t.value", "latest_metrics", "0"), params: [key], descending },
    ];
  }
  const table = /^param(eter)?s?$/.test(entity) ? "params" : /^tags?$/.test(entity) ? "tags" : undefined;
  if (!table)
    throw invalid(`Invalid order_by entity '${entity}'. Valid values are metrics, params, tags, attributes.`);
  return [
    { sql: entry("0", table, "1"), params: [key], descending: false },
    { sql: entry("t.value", table, "''"), params: [key], descending },
  ];
}
