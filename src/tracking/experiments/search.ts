import type { ReadTx } from "../../store/database.ts";
import { parseFilter, type Comparison } from "../search/filter.ts";
import { parseOrder } from "../search/order.ts";
import { pageBy, type OrderTerm } from "../search/paging.ts";
import {
  allow,
  compareEntry,
  compareInteger,
  compareText,
  joinSql,
  name,
  place,
  TEXT,
  type Sql,
} from "../search/sql.ts";
import { invalid } from "../wire/errors.ts";
import { EXPERIMENT_COLUMNS, experimentMessages, experimentNumber, type ExperimentRow } from "./queries.ts";

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

/** A page of experiments as MLflow's SearchExperiments.Response. */
export async function searchExperiments(tx: ReadTx, search: ExperimentSearch): Promise<object> {
  const { workspace, filter, orderBy, view, limit } = search;
  const conditions = parseFilter(filter).map(condition);
  const bound = JSON.stringify(["experiments", workspace, filter, orderBy, view]);
  const page = pageBy(orderTerms(orderBy), search.pageToken, bound);
  const stages = stagesOf(view).map((stage) => `'${stage}'`);
  const where = [
    { sql: "e.workspace = ?", params: [workspace] },
    { sql: `e.lifecycle_stage IN (${stages.join(", ")})`, params: [] },
    ...conditions,
    ...(page.after ? [page.after] : []),
  ];
  const { sql, params } = joinSql(where, " AND ");
  const rows = await tx.all<ExperimentRow & Record<string, unknown>>(
    `SELECT ${EXPERIMENT_COLUMNS}, ${page.columns.sql} FROM experiments e WHERE ${sql} ORDER BY ${page.orderBy} LIMIT ?`,
    [...page.columns.params, ...params, limit + 1],
  );
  const kept = rows.slice(0, limit);
  const last = kept.at(-1);
  return {
    experiments: await experimentMessages(tx, kept.map(withoutKeys)),
    ...(rows.length > limit && last ? { next_page_token: page.tokenOf(last) } : {}),
  };
}

/** The lifecycle stages that a view shows. */
export function stagesOf(view: ViewType): ("active" | "deleted")[] {
  if (view === "ALL") return ["active", "deleted"];
  return [view === "DELETED_ONLY" ? "deleted" : "active"];
}

function withoutKeys(row: ExperimentRow & Record<string, unknown>): ExperimentRow {
  return {
    experiment_id: row.experiment_id,
    workspace: row.workspace,
    name: row.name,
    artifact_location: row.artifact_location,
    lifecycle_stage: row.lifecycle_stage,
    creation_time: row.creation_time,
    last_update_time: row.last_update_time,
  };
}

function condition(comparison: Comparison): Sql {
  const { entity, key } = comparison;
  if (entity === "tag" || entity === "tags") {
    return compareEntry("experiment_tags", "t.experiment_id = e.experiment_id", comparison);
  }
  if (entity !== "attribute" && entity !== "attributes") {
    throw invalid(
      `Invalid entity type '${entity}'. Valid entity types are ('attribute', 'tag', 'tags') ${place(comparison)}`,
    );
  }
  switch (key) {
    case "name":
      return compareText("e.name", comparison, TEXT);
    case "creation_time":
    case "last_update_time":
      return compareWholeNumber(`e.${key}`, comparison);
    case "experiment_id":
      return compareId(comparison);
    default:
      throw invalid(
        `Invalid attribute key '${name(comparison)}' specified. Valid keys are '${Object.keys(ORDERED).join("', '")}' ${place(comparison)}`,
      );
  }
}

function compareWholeNumber(column: string, comparison: Comparison): Sql {
  const { value, text } = comparison;
  if (typeof value === "number" && !Number.isInteger(value)) {
    throw invalid(`Invalid value for numeric attribute '${comparison.key}': '${text}' ${place(comparison)}`);
  }
  return compareInteger(column, comparison);
}

/** Experiment ids are texts to clients and numbers to the database. */
function compareId(comparison: Comparison): Sql {
  allow(comparison, ["=", "!=", "IN", "NOT IN"]);
  const { operator, value } = comparison;
  if (typeof value === "number") {
    throw invalid(
      `Expected a quoted string value for attributes. Got value ${comparison.text} ${place(comparison)}`,
    );
  }
  const ids = (Array.isArray(value) ? value : [value]).map(experimentNumber);
  const list = operator === "=" || operator === "IN" ? "IN" : "NOT IN";
  return { sql: `e.experiment_id ${list} (${ids.map(() => "?").join(", ")})`, params: ids };
}

const ORDERED: Readonly<Record<string, string>> = {
  name: "e.name",
  experiment_id: "e.experiment_id",
  creation_time: "e.creation_time",
  last_update_time: "e.last_update_time",
};

/** Newest first; where an order is given, ties are broken by id, the highest first. */
function orderTerms(clauses: readonly string[]): OrderTerm[] {
  const given = clauses.length > 0 ? clauses : ["creation_time DESC", "experiment_id ASC"];
  const terms = parseOrder(given).map(({ entity, key, descending }): OrderTerm => {
    if (entity !== "attribute" && entity !== "attributes") {
      throw invalid(`Invalid order_by entity: ${entity}. Experiments are ordered by their attributes.`);
    }
    const sql = Object.hasOwn(ORDERED, key) ? ORDERED[key] : undefined;
    if (!sql) {
      throw invalid(
        `Invalid attribute key '${key}' specified. Valid keys are '${Object.keys(ORDERED).join("', '")}'.`,
      );
    }
    return { sql, params: [], descending };
  });
  if (terms.some(({ sql }) => sql === "e.experiment_id")) return terms;
  return [...terms, { sql: "e.experiment_id", params: [], descending: true }];
}
