import { parseFilter } from "../../search/filter.ts";
import type { Sql } from "../../search/sql.ts";
import { invalid } from "../../wire/errors.ts";
import { METADATA, TAG } from "../names.ts";
import type { ViewType } from "./views.ts";

const SPAN_COLUMNS = ["name", "status", "type"] as const;
const ASSESSMENT_COLUMNS = ["name", "type"] as const;

/**
 * A filter of metrics: one comparison by `=`, of `trace.status`, `trace.tag.<key>`, `trace.metadata.<key>`, and of
 * `span.{name,status,type}` or `assessment.{name,type}` in their own views.
 */
export function metricFilter(filter: string, view: ViewType): Sql {
  const [comparison, ...more] = parseFilter(filter);
  if (!comparison || more.length > 0) {
    throw invalid(`Invalid filter: '${filter.slice(0, 200)}'. Expected one filter clause.`);
  }
  const { entity, operator, value } = comparison;
  if (operator !== "=") throw invalid(`Invalid comparator: '${operator}', only '=' operator is supported`);
  if (typeof value !== "string")
    throw invalid(`Expected a quoted string value in '${filter.slice(0, 200)}'.`);
  const [, field = "", key] = /^([^.]*)(?:\.(.*))?$/s.exec(comparison.key) ?? [];
  switch (entity) {
    case "trace":
      return traceCondition(field, key?.replace(/^`(.*)`$/s, "$1"), value);
    case "span":
      return column(entity, field, key, SPAN_COLUMNS, value, view === "SPANS" ? "s" : undefined);
    case "assessment":
      return column(entity, field, key, ASSESSMENT_COLUMNS, value, view === "ASSESSMENTS" ? "a" : undefined);
    default:
      throw invalid(
        `Invalid identifier '${entity}.${comparison.key}'. Columns should be specified as 'trace.<key>', 'span.<key>', 'assessment.<key>'.`,
      );
  }
}

function traceCondition(field: string, key: string | undefined, value: string): Sql {
  if (field === "status") {
    if (key !== undefined)
      throw invalid("Filtering by status does not require a key, use 'trace.status' instead");
    return { sql: "r.state = ?", params: [value] };
  }
  if (field !== "tag" && field !== "metadata") {
    throw invalid(
      `Invalid entity '${field}' specified for view type 'trace'. Valid entities are status, tag, metadata`,
    );
  }
  if (!key) throw invalid(`Filtering by ${field} requires a key, e.g. 'trace.${field}.<key> = <value>'`);
  if (field === "tag" && key === TAG.name) return { sql: "r.name = ?", params: [value] };
  const table = field === "tag" ? "trace_tags" : "trace_metadata";
  const entry = `EXISTS (SELECT 1 FROM ${table} t WHERE t.tid = r.tid AND t.key = ? AND t.value = ?)`;
  if (key !== METADATA.sourceRun || field === "tag") return { sql: entry, params: [key, value] };
  return {
    sql: `(${entry} OR EXISTS (SELECT 1 FROM trace_links l WHERE l.tid = r.tid AND l.kind = 'run' AND l.target = ?))`,
    params: [key, value, value],
  };
}

function column(
  entity: string,
  field: string,
  key: string | undefined,
  columns: readonly string[],
  value: string,
  alias: string | undefined,
): Sql {
  if (!columns.includes(field)) {
    throw invalid(
      `Invalid entity '${field}' specified for view type '${entity}'. Valid entities are ${columns.join(", ")}`,
    );
  }
  if (key !== undefined) {
    throw invalid(`Filtering by ${field} does not require a key, use '${entity}.${field}' instead`);
  }
  if (alias === undefined) {
    throw invalid(`Filtering by ${entity} is only supported for ${entity.toUpperCase()}S view type.`);
  }
  return { sql: `${alias}.${field} = ?`, params: [value] };
}
