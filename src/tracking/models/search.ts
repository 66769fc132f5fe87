import type { ReadTx } from "../../store/database.ts";
import { parseFilter, type Comparison } from "../search/filter.ts";
import { pageBy, type OrderTerm } from "../search/paging.ts";
import { compareEntry, compareNumber, compareText, joinSql, name, type Sql } from "../search/sql.ts";
import { invalid } from "../wire/errors.ts";
import { loggedModelMessages, MODEL_COLUMNS, type LoggedModelRow } from "./queries.ts";

export interface LoggedModelSearch {
  workspace: string;
  /** Empty: all experiments, which the client asks for when it lists the artifacts of a run. */
  experimentIds: number[];
  filter: string;
  orderBy: { field: string; ascending: boolean }[];
  limit: number;
  pageToken: string | undefined;
}

export async function searchLoggedModels(tx: ReadTx, search: LoggedModelSearch): Promise<object> {
  const page = pageBy(orderTerms(search.orderBy), search.pageToken);
  const experiments: Sql[] =
    search.experimentIds.length === 0
      ? []
      : [
          {
            sql: `m.experiment_id IN (${search.experimentIds.map(() => "?").join(", ")})`,
            params: search.experimentIds,
          },
        ];
  const { sql, params } = joinSql(
    [
      { sql: "m.workspace = ? AND m.lifecycle_stage = 'active'", params: [search.workspace] },
      ...experiments,
      ...parseFilter(search.filter).map(condition),
      ...(page.after ? [page.after] : []),
    ],
    " AND ",
  );
  const rows = await tx.all<LoggedModelRow & Record<string, unknown>>(
    `SELECT ${MODEL_COLUMNS}, ${page.columns.sql} FROM logged_models m WHERE ${sql} ORDER BY ${page.orderBy} LIMIT ?`,
    [...page.columns.params, ...params, search.limit + 1],
  );
  const kept = rows.slice(0, search.limit);
  const last = kept.at(-1);
  return {
    models: await loggedModelMessages(tx, kept),
    ...(rows.length > search.limit && last ? { next_page_token: page.tokenOf(last) } : {}),
  };
}

const TEXTS = new Set(["name", "model_id", "model_type", "status", "source_run_id"]);
const TIMES: Record<string, string> = {
  creation_timestamp: "creation_time",
  creation_timestamp_ms: "creation_time",
  creation_time: "creation_time",
  last_updated_timestamp: "last_update_time",
  last_updated_timestamp_ms: "last_update_time",
};

function condition(comparison: Comparison): Sql {
  const { entity, key } = comparison;
  switch (entity) {
    case "tag":
    case "tags":
      return compareEntry("logged_model_tags", "t.model_id = m.model_id", comparison);
    case "param":
    case "params":
      return compareEntry("logged_model_params", "t.model_id = m.model_id", comparison);
    case "metric":
    case "metrics": {
      const { sql, params } = compareNumber("t.value", comparison);
      return {
        sql: `EXISTS (SELECT 1 FROM logged_model_metrics t WHERE t.model_id = m.model_id AND t.key = ? AND t.is_nan = 0 AND ${sql})`,
        params: [key, ...params],
      };
    }
    case "attribute":
    case "attributes": {
      if (TEXTS.has(key)) return compareText(`m.${key}`, comparison);
      const time = TIMES[key];
      if (time) return compareNumber(`m.${time}`, comparison);
      break;
    }
    default:
  }
  throw invalid(
    `Invalid filter key '${name(comparison)}'. Valid ones are ${[...TEXTS, ...Object.keys(TIMES)].join(", ")}, tags, params, metrics.`,
  );
}

function orderTerms(clauses: LoggedModelSearch["orderBy"]): OrderTerm[] {
  const terms = clauses.map(({ field, ascending }): OrderTerm => {
    const key = field.replace(/^attributes?\./, "");
    const column = TIMES[key] ?? (TEXTS.has(key) ? key : undefined);
    if (column) {
      const sql = TIMES[key] ? `m.${column}` : `COALESCE(m.${column}, '')`;
      return { sql, params: [], descending: !ascending };
    }
    const metric = /^metrics?\.(.+)$/.exec(field)?.[1];
    if (metric === undefined) throw invalid(`Invalid order_by field '${field}'.`);
    return {
      sql: `COALESCE((SELECT MAX(t.value) FROM logged_model_metrics t WHERE t.model_id = m.model_id AND t.key = ?), ${ascending ? "1e308" : "-1e308"})`,
      params: [metric],
      descending: !ascending,
    };
  });
  return [
    ...terms,
    { sql: "m.creation_time", params: [], descending: true },
    { sql: "m.model_id", params: [], descending: false },
  ];
}
