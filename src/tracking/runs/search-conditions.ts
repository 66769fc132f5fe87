import type { Comparison, Operator } from "../search/filter.ts";
import {
  allow,
  compareEntry,
  compareInteger,
  compareNumber,
  compareText,
  LISTS,
  name,
  place,
  TEXT,
  type Sql,
} from "../search/sql.ts";
import { invalid } from "../wire/errors.ts";

/** Tables of what runs have by key; each has an index by experiment, key and value. */
export type EntryTable = "latest_metrics" | "params" | "tags";

/** The indexes by value, of these tables. */
export const BY_VALUE: Readonly<Record<EntryTable, string>> = {
  latest_metrics: "latest_metrics_by_value",
  params: "params_by_value",
  tags: "tags_by_value",
};

/** Characters of a text that the indexes hold; texts can be longer than PostgreSQL can index. */
const INDEXED = 64;

/** What is indexed of a text column. */
export function indexed(column: string): string {
  return `substr(${column}, 1, ${INDEXED})`;
}

/** The same of a text that it is compared with. A character is a code point, as in the databases. */
export function indexedPart(text: string): string {
  return text.length <= INDEXED ? text : Array.from(text).slice(0, INDEXED).join("");
}

/** One comparison of a filter, in the forms that the plans need. */
export interface RunCondition {
  /** True for the run with this number; `r` is its row, where that is at hand. */
  of(rid: string): Sql;
  /** Of a metric, param or tag: what must hold in its row `o`. Undefined when the row may be missing. */
  entry?: { table: EntryTable; key: string; where: Sql };
  /** Few runs can be expected to fulfil it, and the index by value finds them. */
  isSelective: boolean;
  /** The ids that a run must have one of. */
  runIds?: readonly string[];
}

/** Attributes by the names that MLflow takes for them. */
const ATTRIBUTES: Readonly<Record<string, string>> = {
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

/** What attributes of text, and datasets, are compared by. */
const WORDS: readonly Operator[] = [...TEXT, ...LISTS];

export type EntityType = "metric" | "parameter" | "tag" | "attribute" | "dataset";

const ENTITIES: Readonly<Record<string, EntityType>> = {
  metric: "metric",
  metrics: "metric",
  parameter: "parameter",
  parameters: "parameter",
  param: "parameter",
  params: "parameter",
  tag: "tag",
  tags: "tag",
  attribute: "attribute",
  attributes: "attribute",
  attr: "attribute",
  run: "attribute",
  dataset: "dataset",
  datasets: "dataset",
};

export function entityType(entity: string): EntityType {
  const type = Object.hasOwn(ENTITIES, entity) ? ENTITIES[entity] : undefined;
  if (type) return type;
  const valid = [...new Set(Object.values(ENTITIES))].join("', '");
  throw invalid(`Invalid entity type '${entity}'. Valid values are ['${valid}'].`);
}

/** The column of an attribute. */
export function attribute(key: string): string {
  const column = Object.hasOwn(ATTRIBUTES, key) ? ATTRIBUTES[key] : undefined;
  if (column) return column;
  const allowed = [...new Set(Object.values(ATTRIBUTES))].join("', '");
  throw invalid(`Invalid attribute key '${key}' specified. Valid keys are '${allowed}'.`);
}

export function runCondition(comparison: Comparison): RunCondition {
  switch (entityType(comparison.entity)) {
    case "metric":
      return metricCondition(comparison);
    case "parameter":
      return textEntry("params", comparison);
    case "tag":
      return textEntry("tags", comparison);
    case "dataset":
      return datasetCondition(comparison);
    case "attribute":
      return attributeCondition(comparison);
  }
}

function attributeCondition(comparison: Comparison): RunCondition {
  const column = attribute(comparison.key);
  const { operator, value } = comparison;
  if (column === "run_name") {
    allow(comparison, WORDS);
    // As in MLflow a run's name is a tag; and a tag has an index.
    return textEntry("tags", { ...comparison, key: "mlflow.runName" }, WORDS);
  }
  const isTime = column === "start_time" || column === "end_time";
  const sql = isTime
    ? compareInteger(`r.${column}`, comparison)
    : compareText(`r.${column}`, comparison, WORDS);
  const named = column === "run_id" && (operator === "=" || operator === "IN");
  return {
    of: () => sql,
    isSelective: false,
    ...(named ? { runIds: Array.isArray(value) ? value : [String(value)] } : {}),
  };
}

/** NaN is kept as 0 with a flag: it fulfils `!=` and nothing else. */
function metricCondition(comparison: Comparison): RunCondition {
  const { key, operator } = comparison;
  const where = (alias: string): Sql => {
    const { sql, params } = compareNumber(`${alias}.value`, comparison);
    const either = operator === "!=" ? `(${alias}.is_nan = 1 OR ${sql})` : `(${alias}.is_nan = 0 AND ${sql})`;
    return { sql: either, params };
  };
  const probe = where("t");
  const { sql, params } = compareNumber("o.value", comparison);
  return {
    of: (rid) => ({
      sql: `(SELECT ${probe.sql} FROM latest_metrics t WHERE t.rid = ${rid} AND t.key = ?)`,
      params: [...probe.params, key],
    }),
    entry: {
      table: "latest_metrics",
      key,
      // Not in brackets: the index is sought by both parts.
      where: operator === "!=" ? where("o") : { sql: `o.is_nan = 0 AND ${sql}`, params },
    },
    isSelective: operator !== "!=",
  };
}

function textEntry(
  table: "params" | "tags",
  comparison: Comparison,
  allowed: readonly Operator[] = [...TEXT, "IS NULL", "IS NOT NULL"],
): RunCondition {
  const { key, operator, value } = comparison;
  const of = (rid: string): Sql => compareEntry(table, `t.rid = ${rid}`, comparison, allowed);
  // Also checks the comparison, before anything is run.
  of("r.rid");
  if (operator === "IS NULL") return { of, isSelective: false };
  if (operator === "IS NOT NULL") {
    return {
      of,
      entry: { table, key, where: { sql: "1 = 1", params: [] } },
      isSelective: true,
    };
  }
  const compared = compareText("o.value", comparison);
  const where = operator === "=" ? equalText(String(value)) : compared;
  return { of, entry: { table, key, where }, isSelective: operator === "=" };
}

/** By the index; where the text is longer than that, by the row too. */
function equalText(value: string): Sql {
  const start = indexedPart(value);
  if (value.length < INDEXED) return { sql: `${indexed("o.value")} = ?`, params: [start] };
  return { sql: `${indexed("o.value")} = ? AND o.value = ?`, params: [start, value] };
}

function datasetCondition(comparison: Comparison): RunCondition {
  const { key } = comparison;
  if (key === "context") {
    const { sql, params } = compareText("t.value", comparison);
    return {
      of: (rid) => ({
        sql: `EXISTS (SELECT 1 FROM input_tags t WHERE t.rid = ${rid} AND t.key = 'mlflow.data.context' AND ${sql})`,
        params,
      }),
      isSelective: false,
    };
  }
  if (key !== "name" && key !== "digest") {
    throw invalid(
      `Invalid dataset key '${key}' specified in '${name(comparison)}'. Valid keys are 'name', 'digest', 'context' ${place(comparison)}`,
    );
  }
  const { sql, params } = compareText(`d.${key}`, comparison);
  return {
    of: (rid) => ({
      sql: `EXISTS (SELECT 1 FROM inputs i JOIN datasets d ON d.dataset_id = i.dataset_id
        WHERE i.rid = ${rid} AND ${sql})`,
      params,
    }),
    isSelective: false,
  };
}
