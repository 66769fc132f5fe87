import type { ReadTx } from "../store/database.ts";
import { parseFilter, type Comparison } from "../tracking/search/filter.ts";
import { checkUnique, parseOrder } from "../tracking/search/order.ts";
import { pageBy, type OrderTerm } from "../tracking/search/paging.ts";
import {
  compareEntry,
  compareInteger,
  compareText,
  joinSql,
  name,
  place,
  TEXT,
  type Sql,
} from "../tracking/search/sql.ts";
import { invalid } from "../tracking/wire/errors.ts";
import { modelMessages, versionMessages } from "./messages.ts";
import { MODEL_COLUMNS, VERSION_COLUMNS, type ModelRow, type VersionRow } from "./queries.ts";

export interface RegistrySearch {
  workspace: string;
  filter: string;
  orderBy: string[];
  limit: number;
  pageToken: string | undefined;
}

/** Prompts are registered models with this tag. */
export const PROMPT_TAG = "mlflow.prompt.is_prompt";

/** What differs between the search for models and the search for versions. */
interface Kind {
  /** The table, the tenant's column in it, and what is selected. */
  from: string;
  workspace: string;
  columns: string;
  attribute: (comparison: Comparison) => Sql;
  /** Columns by the names that order_by takes. */
  orders: Readonly<Record<string, string>>;
  /** The order when none is asked for, and what breaks the ties of one that is. */
  defaults: readonly OrderTerm[];
  ties: readonly OrderTerm[];
  tagTable: string;
  tagOwner: string;
  /** A prompt's tag, on any of its versions. */
  promptOwner: string;
}

const up = (sql: string): OrderTerm => ({ sql, params: [], descending: false });
const down = (sql: string): OrderTerm => ({ sql, params: [], descending: true });

const MODELS: Kind = {
  from: "registered_models m",
  workspace: "m.workspace",
  columns: MODEL_COLUMNS,
  attribute(comparison) {
    if (comparison.key === "name") return compareText("m.name", comparison);
    throw unknownKey(comparison, "'name'");
  },
  orders: { name: "m.name", timestamp: "m.last_update_time", last_updated_timestamp: "m.last_update_time" },
  defaults: [up("m.name")],
  ties: [up("m.name")],
  tagTable: "registered_model_tags",
  tagOwner: "t.workspace = m.workspace AND t.name = m.name",
  promptOwner: "t.workspace = m.workspace AND t.name = m.name",
};

const VERSIONS: Kind = {
  from: "model_versions v",
  workspace: "v.workspace",
  columns: VERSION_COLUMNS,
  attribute(comparison) {
    switch (comparison.key) {
      case "name":
        return compareText("v.name", comparison);
      case "run_id":
        return compareText("v.run_id", comparison);
      case "source_path":
        return compareText("v.source", comparison, TEXT);
      case "version_number":
        return compareVersion(comparison);
      default:
        throw unknownKey(comparison, "'name', 'version_number', 'run_id', 'source_path'");
    }
  },
  orders: {
    name: "v.name",
    version_number: "v.version",
    creation_timestamp: "v.creation_time",
    last_updated_timestamp: "v.last_update_time",
  },
  defaults: [down("v.last_update_time"), up("v.name"), down("v.version")],
  ties: [up("v.name"), down("v.version")],
  tagTable: "model_version_tags",
  tagOwner: "t.workspace = v.workspace AND t.name = v.name AND t.version = v.version",
  promptOwner: "t.workspace = v.workspace AND t.name = v.name",
};

/** A page of registered models as MLflow's SearchRegisteredModels.Response. */
export async function searchModels(tx: ReadTx, search: RegistrySearch): Promise<object> {
  const { rows, token } = await find<ModelRow>(tx, MODELS, search);
  return { registered_models: await modelMessages(tx, rows), ...token };
}

/** A page of model versions as MLflow's SearchModelVersions.Response. */
export async function searchVersions(tx: ReadTx, search: RegistrySearch): Promise<object> {
  const { rows, token } = await find<VersionRow>(tx, VERSIONS, search);
  return { model_versions: await versionMessages(tx, rows), ...token };
}

async function find<Row>(
  tx: ReadTx,
  kind: Kind,
  search: RegistrySearch,
): Promise<{ rows: Row[]; token: { next_page_token?: string } }> {
  const { workspace, filter, orderBy, limit } = search;
  const conditions = filterConditions(kind, filter);
  const bound = JSON.stringify([kind.from, workspace, filter, orderBy]);
  const page = pageBy(orderTerms(kind, orderBy), search.pageToken, bound);
  const where = [
    { sql: `${kind.workspace} = ?`, params: [workspace] },
    ...conditions,
    ...(page.after ? [page.after] : []),
  ];
  const { sql, params } = joinSql(where, " AND ");
  const rows = await tx.all<Row & Record<string, unknown>>(
    `SELECT ${kind.columns}, ${page.columns.sql} FROM ${kind.from} WHERE ${sql} ORDER BY ${page.orderBy} LIMIT ?`,
    [...page.columns.params, ...params, limit + 1],
  );
  const kept = rows.slice(0, limit);
  const last = kept.at(-1);
  return {
    rows: kept,
    token: rows.length > limit && last ? { next_page_token: page.tokenOf(last) } : {},
  };
}

/**
 * The filter's conditions. As in MLflow prompts are left out unless the filter's first word on their tag asks for
 * them; what else it says of that tag counts for nothing then.
 */
function filterConditions(kind: Kind, filter: string): Sql[] {
  const comparisons = parseFilter(filter);
  const conditions = comparisons.map((comparison) => condition(kind, comparison));
  const asked = comparisons.find(isOfPromptTag);
  if (asked && wantsPrompts(asked)) return conditions;
  const others = conditions.filter((_, index) => !isOfPromptTag(comparisons[index] as Comparison));
  const notPrompt: Sql = {
    sql: `NOT EXISTS (SELECT 1 FROM ${kind.tagTable} t WHERE ${kind.promptOwner} AND t.key = ? AND t.value = 'true')`,
    params: [PROMPT_TAG],
  };
  return [...others, notPrompt];
}

function condition(kind: Kind, comparison: Comparison): Sql {
  switch (comparison.entity) {
    case "tag":
    case "tags":
      return compareEntry(kind.tagTable, kind.tagOwner, comparison, TEXT);
    case "attribute":
    case "attributes":
      return kind.attribute(comparison);
    default:
      throw invalid(
        `Invalid entity type '${comparison.entity}'. Valid entity types are ('attribute', 'tag', 'tags') ${place(comparison)}`,
      );
  }
}

function isOfPromptTag({ entity, key }: Comparison): boolean {
  return (entity === "tag" || entity === "tags") && key === PROMPT_TAG;
}

function wantsPrompts({ operator, value }: Comparison): boolean {
  const text = String(value).toLowerCase();
  return (operator === "=" && text === "true") || (operator === "!=" && text === "false");
}

/** A version's number may be written as a text. */
function compareVersion(comparison: Comparison): Sql {
  const { text } = comparison;
  if (typeof comparison.value === "string" && /^\s*[+-]?\d{1,30}\s*$/.test(text)) {
    const digits = text.trim();
    return compareInteger("v.version", { ...comparison, value: Number(digits), text: digits });
  }
  if (typeof comparison.value === "number" && /^[+-]?\d+$/.test(text)) {
    return compareInteger("v.version", comparison);
  }
  throw invalid(`Invalid value for numeric attribute 'version_number': '${text}' ${place(comparison)}`);
}

function orderTerms(kind: Kind, clauses: readonly string[]): OrderTerm[] {
  if (clauses.length === 0) return [...kind.defaults];
  const terms = parseOrder(clauses).map(({ entity, key, descending }): OrderTerm => {
    const column = Object.hasOwn(kind.orders, key) ? kind.orders[key] : undefined;
    if (column && (entity === "attribute" || entity === "attributes")) return { ...up(column), descending };
    const given = name({ entity, key });
    const valid = Object.keys(kind.orders).join("', '");
    throw invalid(`Invalid order by key '${given}' specified. Valid keys are '${valid}'.`);
  });
  checkUnique(terms, ({ sql }) => sql.slice(2));
  const named = new Set(terms.map(({ sql }) => sql));
  return [...terms, ...kind.ties.filter(({ sql }) => !named.has(sql))];
}

function unknownKey(comparison: Comparison, allowed: string): Error {
  return invalid(
    `Invalid attribute key '${comparison.key}' specified. Valid keys are ${allowed} ${place(comparison)}`,
  );
}
