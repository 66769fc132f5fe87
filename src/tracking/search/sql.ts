import type { SqlValue } from "../../store/database.ts";
import { invalid } from "../wire/errors.ts";
import type { Comparison, Operator } from "./filter.ts";

/** A piece of SQL with the values of its placeholders. */
export interface Sql {
  sql: string;
  params: SqlValue[];
}

export const NUMERIC: readonly Operator[] = ["=", "!=", ">", ">=", "<", "<="];
export const TEXT: readonly Operator[] = ["=", "!=", "LIKE", "ILIKE"];
export const LISTS: readonly Operator[] = ["IN", "NOT IN"];

const INT64_MAX = 2n ** 63n - 1n;

/** `expression op number`, of a column of doubles. */
export function compareNumber(expression: string, comparison: Comparison): Sql {
  allow(comparison, NUMERIC);
  return { sql: `${expression} ${comparison.operator} ?`, params: [numberOf(comparison)] };
}

/** `expression op number`, of a column of 64-bit integers, such as a time. */
export function compareInteger(expression: string, comparison: Comparison): Sql {
  allow(comparison, NUMERIC);
  const number = numberOf(comparison);
  const { operator, text } = comparison;
  if (/^[+-]?\d+$/.test(text)) return { sql: `${expression} ${operator} ?`, params: [int64(BigInt(text))] };
  const floor = Math.floor(number);
  const whole = Number.isFinite(floor) ? int64(BigInt(floor)) : int64(number > 0 ? INT64_MAX : -INT64_MAX);
  if (floor === number) return { sql: `${expression} ${operator} ?`, params: [whole] };
  // No integer equals a fraction, and what lies above the fraction lies above the integer below it.
  if (operator === "=") return { sql: "1 = 0", params: [] };
  if (operator === "!=") return { sql: `${expression} IS NOT NULL`, params: [] };
  return { sql: `${expression} ${operator.startsWith(">") ? ">" : "<="} ?`, params: [whole] };
}

/**
 * `expression op text`. As in MLflow over SQLite, LIKE minds case, ILIKE doesn't, and nothing escapes `%` and `_`.
 */
export function compareText(
  expression: string,
  comparison: Comparison,
  allowed: readonly Operator[] = [...TEXT, ...LISTS],
): Sql {
  allow(comparison, allowed);
  const { operator, value } = comparison;
  if (Array.isArray(value)) {
    return { sql: `${expression} ${operator} (${value.map(() => "?").join(", ")})`, params: value };
  }
  if (typeof value !== "string") {
    throw invalid(
      `Expected a quoted string value for '${name(comparison)}' (e.g. 'my-value'). Got value ${comparison.text} ${place(comparison)}`,
    );
  }
  if (operator === "ILIKE") return like(`LOWER(${expression})`, "LOWER(?)", value);
  if (operator === "LIKE") return like(expression, "?", value);
  return { sql: `${expression} ${operator} ?`, params: [value] };
}

/** PostgreSQL takes a backslash for an escape unless another character is named: one that isn't there. */
function like(expression: string, pattern: string, value: string): Sql {
  if (!value.includes("\\")) return { sql: `${expression} LIKE ${pattern}`, params: [value] };
  let code = 1;
  while (value.includes(String.fromCharCode(code))) code++;
  return { sql: `${expression} LIKE ${pattern} ESCAPE ?`, params: [value, String.fromCharCode(code)] };
}

/**
 * A comparison with a value in a table of keys and values, such as tags. `owner` ties the table to the row that is
 * searched for, such as `t.rid = r.rid`. The entry is looked up by its key, row by row: neither database makes a
 * join of it.
 */
export function compareEntry(
  table: string,
  owner: string,
  comparison: Comparison,
  allowed: readonly Operator[] = [...TEXT, "IS NULL", "IS NOT NULL"],
): Sql {
  allow(comparison, allowed);
  const { operator, key } = comparison;
  const from = `FROM ${table} t WHERE ${owner} AND t.key = ?`;
  if (operator === "IS NULL") return { sql: `NOT EXISTS (SELECT 1 ${from})`, params: [key] };
  if (operator === "IS NOT NULL") return { sql: `EXISTS (SELECT 1 ${from})`, params: [key] };
  const { sql, params } = compareText("t.value", comparison, allowed);
  return { sql: `(SELECT ${sql} ${from})`, params: [...params, key] };
}

export function name({ entity, key }: Pick<Comparison, "entity" | "key">): string {
  return entity === "attribute" ? key : `${entity}.${key}`;
}

/** Where a comparison stands, for a message. */
export function place({ at }: Comparison): string {
  return `(at character ${at + 1} of the filter).`;
}

/** Refuses an operator that the field doesn't have. */
export function allow(comparison: Comparison, operators: readonly Operator[]): void {
  if (operators.includes(comparison.operator)) return;
  throw invalid(
    `Invalid comparator '${comparison.operator}' for '${name(comparison)}', not one of '${operators.join(", ")}' ${place(comparison)}`,
  );
}

function numberOf(comparison: Comparison): number {
  if (typeof comparison.value === "number") return comparison.value;
  throw invalid(
    `Expected numeric value type for '${name(comparison)}'. Found '${comparison.text}' ${place(comparison)}`,
  );
}

/** Beyond 64 bits it makes no difference to a comparison with what is kept. */
function int64(value: bigint): number | bigint {
  const within = value > INT64_MAX ? INT64_MAX : value < -INT64_MAX ? -INT64_MAX : value;
  const number = Number(within);
  return Number.isSafeInteger(number) ? number : within;
}

export function joinSql(parts: readonly Sql[], separator: string): Sql {
  return {
    sql: parts.map((part) => part.sql).join(separator),
    params: parts.flatMap((part) => part.params),
  };
}
