import type { ReadTx } from "../../store/database.ts";
import { parseFilter, type Comparison } from "../search/filter.ts";
import { parseOrder, type OrderClause } from "../search/order.ts";
import { pageBy, type OrderTerm } from "../search/paging.ts";
import { compareEntry, compareNumber, compareText, joinSql, name, type Sql } from "../search/sql.ts";
import { invalid } from "../wire/errors.ts";
import { EXPERIMENT_COLUMNS, experimentMessages, type ExperimentRow } from "./queries.ts";

export const VIEW_TYPES = ["ACTIVE_ONLY", "DELETED_ONLY", "ALL"] as const;
export type ViewType = (typeof VIEW_TYPES)[number];

export interface ExperimentSearch {
  workspace: string;
  filter: string;
  orderBy: string[];
  view: ViewType;
  limit: number;
  pageToken?: string | undefined;
}

export async function searchExperiments(tx: ReadTx, search: ExperimentSearch): Promise<object> {
  const page = pageBy(orderTerms(search.orderBy), search.pageToken);
  const where = [
    { sql: "workspace = ?", params: [search.workspace] },
    ...stageCondition("lifecycle_stage", search.view),
    ...parseFilter(search.filter).map(condition),
    ...(page.after ? [page.after] : []),
  ];
  const { sql, params } = joinSql(where, " AND ");
  const rows = await tx.all<ExperimentRow & Record<string, unknown>>(
    `SELECT ${EXPERIMENT_COLUMNS}, ${page.columns.sql} FROM experiments e WHERE ${sql} ORDER BY ${page.orderBy} LIMIT ?`,
    [...page.columns.params, ...params, search.limit + 1],
  );
  const kept = rows.slice(0, search.limit);
  const last = kept.at(-1);
  const plain = kept.map((row): ExperimentRow => ({
    experiment_id: row.experiment_id,
    workspace: row.workspace,
    name: row.name,
    artifact_location: row.artifact_location,
    lifecycle_stage: row.lifecycle_stage,
    creation_time: row.creation_time,
    last_update_time: row.last_update_time,
  }));
  return {
    experiments: await experimentMessages(tx, plain),
    ...(rows.length > search.limit && last ? { next_page_token: page.tokenOf(last) } : {}),
  };
}

/** The lifecycle stages that a view shows. */
export function stageCondition(column: string, view: ViewType): Sql[] {
  if (view === "ALL") return [];
  return [{ sql: `${column} = '${view === "DELETED_ONLY" ? "deleted" : "active"}'`, params: [] }];
}

function condition(comparison: Comparison): Sql {
  const { entity, key } = comparison;
  if (entity === "tag" || entity === "tags") {
    return compareEntry("experiment_tags", "t.experiment_id = e.experiment_id", comparison);
  }
  if (entity === "attribute" || entity === "attributes") {
    if (key === "name") return compareText("e.name", comparison);
    if (key === "creation_time" || key === "last_update_time") return compareNumber(`e.${key}`, comparison);
  }
  throw invalid(
    `Invalid attribute key '${name(comparison)}' specified. Valid keys are name, creation_time, last_update_time and tags.`,
  );
}

const ORDERED: Record<string, string> = {
  name: "name",
  experiment_id: "experiment_id",
  creation_time: "creation_time",
  last_update_time: "last_update_time",
};

function orderTerms(clauses: readonly string[]): OrderTerm[] {
  const parsed = parseOrder(clauses);
  const defaults: OrderClause[] = [
    { entity: "attribute", key: "creation_time", descending: true },
    { entity: "attribute", key: "experiment_id", descending: false },
  ];
  const named = new Set(parsed.map((clause) => clause.key));
  return [...parsed, ...defaults.filter((clause) => !named.has(clause.key))].map(({ key, descending }) => {
    const column = ORDERED[key];
    if (!column) {
      throw invalid(
        `Invalid order_by key '${key}' specified. Valid keys are ${Object.keys(ORDERED).join(", ")}.`,
      );
    }
    return { sql: column, params: [], descending };
  });
}
