import type { SqlValue } from "../../store/database.ts";
import { invalid } from "../wire/errors.ts";
import type { Comparison, Operator } from "./filter.ts";

/** A piece of SQL with the values of its placeholders. */
export interface Sql {
  sql: string;
  params: SqlValue[];
}

const NUMERIC: readonly Operator[] = ["=", "!=", ">", ">=", "<", "<="];
const TEXT: readonly Operator[] = ["=", "!=", "LIKE", "ILIKE"];

/** `expression op number`. */
export function compareNumber(expression: string, comparison: Comparison): Sql {
  allow(comparison, NUMERIC);
  const { operator, value } = comparison;
  const number = typeof value === "number" ? value : Number.NaN;
  if (Number.isNaN(number)) {
    throw invalid(`Expected a numeric value for '${name(comparison)}', found '${String(value)}'.`);
  }
  return { sql: `${expression} ${operator} ?`, params: [number] };
}

/** `expression op text`; ILIKE minds no case in both dialects. */
export function compareText(
  expression: string,
  comparison: Comparison,
  allowed: readonly Operator[] = [...TEXT, "IN", "NOT IN"],
): Sql {
  allow(comparison, allowed);
  const { operator, value } = comparison;
  if (Array.isArray(value)) {
    return { sql: `${expression} ${operator} (${value.map(() => "?").join(", ")})`, params: value };
  }
  if (typeof value !== "string") {
    throw invalid(`Expected a quoted string value for '${name(comparison)}', found ${value}.`);
  }
  if (operator === "ILIKE") return { sql: `LOWER(${expression}) LIKE LOWER(?)`, params: [value] };
  return { sql: `${expression} ${operator} ?`, params: [value] };
}

/**
 * A comparison with a value in a table of keys and values, such as tags. `owner` ties the table to the row that is
 * searched for, such as `t.rid = r.rid`.
 */
export function compareEntry(table: string, owner: string, comparison: Comparison): Sql {
  const { operator, key } = comparison;
  const entry = `SELECT 1 FROM ${table} t WHERE ${owner} AND t.key = ?`;
  if (operator === "IS NULL") return { sql: `NOT EXISTS (${entry})`, params: [key] };
  if (operator === "IS NOT NULL") return { sql: `EXISTS (${entry})`, params: [key] };
  const { sql, params } = compareText("t.value", comparison, TEXT);
  return { sql: `EXISTS (${entry} AND ${sql})`, params: [key, ...params] };
}

export function name({ entity, key }: Comparison): string {
  return entity === "attribute" ? key : `${entity}.${key}`;
}

function allow(comparison: Comparison, operators: readonly Operator[]): void {
  if (operators.includes(comparison.operator)) return;
  throw invalid(
    `Invalid comparator '${comparison.operator}' for '${name(comparison)}', not one of '${operators.join(", ")}'.`,
  );
}

export function joinSql(parts: readonly Sql[], separator: string): Sql {
  return {
    sql: parts.map((part) => part.sql).join(separator),
    params: parts.flatMap((part) => part.params),
  };
}
