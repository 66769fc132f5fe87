import type { ReadTx } from "../../store/database.ts";
import { parseFilter, type Comparison } from "../search/filter.ts";
import { parseOrder } from "../search/order.ts";
import { pageBy, type OrderTerm } from "../search/paging.ts";
import { compareEntry, compareNumber, compareText, joinSql, name, type Sql } from "../search/sql.ts";
import { invalid } from "../wire/errors.ts";
import { DATASET_COLUMNS, datasetMessages, type DatasetRow } from "./queries.ts";

export interface DatasetSearch {
  workspace: string;
  /** Empty: of all experiments, and of none. */
  experimentIds: readonly number[];
  filter: string;
  orderBy: string[];
  limit: number;
  pageToken: string | undefined;
}

export async function searchDatasets(tx: ReadTx, search: DatasetSearch): Promise<object> {
  const page = pageBy(orderTerms(search.orderBy), search.pageToken);
  const where = joinSql(
    [
      { sql: "d.workspace = ?", params: [search.workspace] },
      ...ofExperiments(search.experimentIds),
      ...parseFilter(search.filter).map(condition),
      ...(page.after ? [page.after] : []),
    ],
    " AND ",
  );
  const rows = await tx.all<DatasetRow & Record<string, unknown>>(
    `SELECT ${DATASET_COLUMNS}, ${page.columns.sql} FROM evaluation_datasets d
     WHERE ${where.sql} ORDER BY ${page.orderBy} LIMIT ?`,
    [...page.columns.params, ...where.params, search.limit + 1],
  );
  const kept = rows.slice(0, search.limit);
  const last = kept.at(-1);
  return {
    datasets: await datasetMessages(tx, kept),
    ...(rows.length > search.limit && last ? { next_page_token: page.tokenOf(last) } : {}),
  };
}

function ofExperiments(ids: readonly number[]): Sql[] {
  if (ids.length === 0) return [];
  const sql = `EXISTS (SELECT 1 FROM evaluation_dataset_experiments x WHERE x.dataset_id = d.dataset_id
    AND x.experiment_id IN (${ids.map(() => "?").join(", ")}))`;
  return [{ sql, params: [...ids] }];
}

function condition(comparison: Comparison): Sql {
  const { entity, key } = comparison;
  if (entity === "tag" || entity === "tags") {
    return compareEntry("evaluation_dataset_tags", "t.dataset_id = d.dataset_id", comparison);
  }
  if (entity === "attribute" || entity === "attributes") {
    if (key === "name") return compareText("d.name", comparison, ["=", "!=", "LIKE", "ILIKE", "IN"]);
    if (key === "created_by" || key === "last_updated_by") {
      return compareText(`d.${key}`, comparison, ["=", "!=", "LIKE", "ILIKE"]);
    }
    if (key === "created_time" || key === "last_update_time") return compareNumber(`d.${key}`, comparison);
  }
  throw invalid(
    `Invalid attribute key '${name(comparison)}' specified. Valid keys are: name, created_time, ` +
      "last_update_time, created_by, last_updated_by and tags.",
  );
}

const ORDERED = ["name", "created_time", "last_update_time"];

/** Newest first unless asked otherwise; the id tells the rest apart. */
function orderTerms(clauses: readonly string[]): OrderTerm[] {
  const parsed = parseOrder(clauses.length === 0 ? ["created_time DESC"] : clauses);
  const terms = parsed.map(({ entity, key, descending }): OrderTerm => {
    if (entity !== "attribute" || !ORDERED.includes(key)) {
      throw invalid(`Invalid order_by key '${key}' specified. Valid keys are: ${ORDERED.join(", ")}.`);
    }
    return { sql: `d.${key}`, params: [], descending };
  });
  return [...terms, { sql: "d.dataset_id", params: [], descending: true }];
}
