import type { ReadTx } from "../store/database.ts";
import { parseFilter, type Comparison } from "../tracking/search/filter.ts";
import { parseOrder } from "../tracking/search/order.ts";
import { pageBy, type OrderTerm } from "../tracking/search/paging.ts";
import { compareEntry, compareNumber, compareText, joinSql, name, type Sql } from "../tracking/search/sql.ts";
import { invalid } from "../tracking/wire/errors.ts";
import { modelMessage, versionMessages } from "./messages.ts";
import { PROMPT_TAG } from "./prompts.ts";
import { MODEL_COLUMNS, VERSION_COLUMNS, type ModelRow, type VersionRow } from "./queries.ts";

export interface RegistrySearch {
  workspace: string;
  filter: string;
  orderBy: string[];
  limit: number;
  pageToken: string | undefined;
}

interface Kind {
  /** Column of the tenant. */
  workspace: string;
  conditions: (comparison: Comparison) => Sql;
  orders: Record<string, string>;
  defaults: readonly OrderTerm[];
  tagTable: string;
  tagOwner: string;
}

const MODELS: Kind = {
  workspace: "m.workspace",
  conditions(comparison) {
    if (comparison.key === "name") return compareText("m.name", comparison);
    throw unknownKey(comparison, "name and tags");
  },
  orders: {
    name: "m.name",
    creation_timestamp: "m.creation_time",
    last_updated_timestamp: "m.last_update_time",
    timestamp: "m.last_update_time",
  },
  defaults: [{ sql: "m.name", params: [], descending: false }],
  tagTable: "registered_model_tags",
  tagOwner: "t.workspace = m.workspace AND t.name = m.name",
};

const VERSIONS: Kind = {
  workspace: "v.workspace",
  conditions(comparison) {
    switch (comparison.key) {
      case "name":
        return compareText("v.name", comparison);
      case "run_id":
        return compareText("v.run_id", comparison);
      case "source_path":
        return compareText("v.source", comparison);
      case "version_number":
        return compareNumber("v.version", comparison);
      default:
        throw unknownKey(comparison, "name, run_id, source_path, version_number and tags");
    }
  },
  orders: {
    name: "v.name",
    version_number: "v.version",
    creation_timestamp: "v.creation_time",
    last_updated_timestamp: "v.last_update_time",
  },
  defaults: [
    { sql: "v.last_update_time", params: [], descending: true },
    { sql: "v.name", params: [], descending: false },
    { sql: "v.version", params: [], descending: true },
  ],
  tagTable: "model_version_tags",
  tagOwner: "t.workspace = v.workspace AND t.name = v.name AND t.version = v.version",
};

export async function searchModels(tx: ReadTx, search: RegistrySearch): Promise<object> {
  const { rows, token } = await find<ModelRow>(tx, MODELS, search, MODEL_COLUMNS, "registered_models m");
  const found: object[] = [];
  for (const row of rows) found.push(await modelMessage(tx, row));
  return { registered_models: found, ...token };
}

export async function searchVersions(tx: ReadTx, search: RegistrySearch): Promise<object> {
  const { rows, token } = await find<VersionRow>(tx, VERSIONS, search, VERSION_COLUMNS, "model_versions v");
  return { model_versions: await versionMessages(tx, rows), ...token };
}

async function find<Row>(
  tx: ReadTx,
  kind: Kind,
  search: RegistrySearch,
  columns: string,
  table: string,
): Promise<{ rows: Row[]; token: { next_page_token?: string } }> {
  const page = pageBy(orderTerms(kind, search.orderBy), search.pageToken);
  const conditions = [
    { sql: `${kind.workspace} = ?`, params: [search.workspace] },
    ...filterConditions(kind, search.filter),
    ...(page.after ? [page.after] : []),
  ];
  const { sql, params } = joinSql(conditions, " AND ");
  const rows = await tx.all<Row & Record<string, unknown>>(
    `SELECT ${columns}, ${page.columns.sql} FROM ${table} WHERE ${sql} ORDER BY ${page.orderBy} LIMIT ?`,
    [...page.columns.params, ...params, search.limit + 1],
  );
  const kept = rows.slice(0, search.limit);
  const last = kept.at(-1);
  return {
    rows: kept,
    token: rows.length > search.limit && last ? { next_page_token: page.tokenOf(last) } : {},
  };
}

/** The filter's conditions; prompts are left out unless the filter speaks of them. */
function filterConditions(kind: Kind, filter: string): Sql[] {
  const comparisons = parseFilter(filter);
  const isTag = ({ entity }: Comparison): boolean => entity === "tag" || entity === "tags";
  const conditions = comparisons.map((comparison) => {
    if (!isTag(comparison)) {
      if (comparison.entity !== "attribute" && comparison.entity !== "attributes") {
        throw unknownKey(comparison, "attributes and tags");
      }
      return kind.conditions(comparison);
    }
    // What has no such tag is no prompt, so `!= 'true'` means "not tagged true" for this one key.
    if (comparison.key === PROMPT_TAG && comparison.operator === "!=") return notPrompt(kind);
    return compareEntry(kind.tagTable, kind.tagOwner, comparison);
  });
  const named = comparisons.some((comparison) => isTag(comparison) && comparison.key === PROMPT_TAG);
  return named ? conditions : [...conditions, notPrompt(kind)];
}

function notPrompt({ tagTable, tagOwner }: Kind): Sql {
  return {
    sql: `NOT EXISTS (SELECT 1 FROM ${tagTable} t WHERE ${tagOwner} AND t.key = ? AND LOWER(t.value) = 'true')`,
    params: [PROMPT_TAG],
  };
}

function orderTerms(kind: Kind, clauses: readonly string[]): OrderTerm[] {
  const terms = parseOrder(clauses).map(({ key, descending }): OrderTerm => {
    const sql = kind.orders[key];
    if (!sql) {
      throw invalid(
        `Invalid order by key '${key}' specified. Valid keys are ${Object.keys(kind.orders).join(", ")}.`,
      );
    }
    return { sql, params: [], descending };
  });
  const named = new Set(terms.map((term) => term.sql));
  return [...terms, ...kind.defaults.filter((term) => !named.has(term.sql))];
}

function unknownKey(comparison: Comparison, allowed: string): Error {
  return invalid(`Invalid attribute name: '${name(comparison)}'. Valid ones are ${allowed}.`);
}
