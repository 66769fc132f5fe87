import { createHash } from "node:crypto";
import type { SqlValue } from "../../store/database.ts";
import { invalid } from "../wire/errors.ts";
import { joinSql, type Sql } from "./sql.ts";

/** One column of an order; never NULL, so that the place after a row can be said in SQL. */
export interface OrderTerm extends Sql {
  descending: boolean;
}

/** ORDER BY, selected columns and the condition "after this row" for paging by key instead of by offset. */
export interface Page {
  /** Extra columns of the select, named k0, k1, … */
  columns: Sql;
  /** Condition of the rows after the token's; undefined on the first page. */
  after: Sql | undefined;
  orderBy: string;
  /** The token of the page after one that ends with this row. */
  tokenOf(row: Record<string, unknown>): string;
}

/** The last term must be unique. A token is bound to the order it was made for, and to the `search`. */
export function pageBy(terms: readonly OrderTerm[], token: string | undefined, search = ""): Page {
  const bound = JSON.stringify([search, terms]);
  return {
    columns: keyColumns(terms),
    after: token ? afterRow(terms, readToken(token, bound, terms.length)) : undefined,
    orderBy: terms.map((term, index) => `k${index}${term.descending ? " DESC" : ""}`).join(", "),
    tokenOf: (row) => writeToken(bound, keysOf(row, terms.length)),
  };
}

/** The terms as columns k0, k1, … */
export function keyColumns(terms: readonly OrderTerm[]): Sql {
  return joinSql(
    terms.map((term, index) => ({ sql: `${term.sql} AS k${index}`, params: term.params })),
    ", ",
  );
}

export function keysOf(row: Record<string, unknown>, count: number): SqlValue[] {
  return Array.from({ length: count }, (_, index) => row[`k${index}`] as SqlValue);
}

/** A term as it stands behind a row with this key. */
interface Bound {
  term: OrderTerm;
  key: SqlValue;
}

/**
 * The rows after the one with these keys: (a, b) after (x, y) is a >= x AND (a > x OR (a = x AND b > y)), with <
 * where the order falls. The first part says nothing new; it is what the databases can seek an index by.
 */
export function afterRow(terms: readonly OrderTerm[], keys: readonly SqlValue[]): Sql {
  const bounds = terms.map((term, index): Bound => ({ term, key: keys[index] ?? null }));
  const [first, ...rest] = bounds;
  if (!first) return { sql: "1 = 0", params: [] };
  if (rest.length === 0) return beyond(first, "");
  const { sql, params } = afterAll(bounds);
  const seek = beyond(first, "=");
  return { sql: `${seek.sql} AND (${sql})`, params: [...seek.params, ...params] };
}

function afterAll([first, ...rest]: readonly Bound[]): Sql {
  if (!first) return { sql: "1 = 0", params: [] };
  const later = beyond(first, "");
  if (rest.length === 0) return later;
  const same: Sql = { sql: `${first.term.sql} = ?`, params: [...first.term.params, first.key] };
  const then = afterAll(rest);
  return {
    sql: `${later.sql} OR (${same.sql} AND (${then.sql}))`,
    params: [...later.params, ...same.params, ...then.params],
  };
}

function beyond({ term, key }: Bound, orSame: "" | "="): Sql {
  return { sql: `${term.sql} ${term.descending ? "<" : ">"}${orSame} ?`, params: [...term.params, key] };
}

/** A token is opaque to clients. `search` is everything that it is bound to. */
export function writeToken(search: string, keys: readonly SqlValue[]): string {
  // Integers that a double can't hold travel as a list of one text.
  const values = keys.map((key) => (typeof key === "bigint" ? [String(key)] : key));
  return Buffer.from(JSON.stringify([digest(search), ...values])).toString("base64url");
}

/** The keys of a token; INVALID_PARAMETER_VALUE unless it was written for this search. */
export function readToken(token: string, search: string, length: number): SqlValue[] {
  const read = parsed(token);
  if (Array.isArray(read) && read.length === length + 1 && read[0] === digest(search)) {
    const keys = (read as unknown[]).slice(1).map(keyOf);
    if (keys.every((key) => key !== undefined)) return keys;
  }
  throw invalid("Invalid page token: it belongs to another search, or isn't one of ours.");
}

function parsed(token: string): unknown {
  try {
    return JSON.parse(Buffer.from(token, "base64url").toString());
  } catch {
    return undefined;
  }
}

function keyOf(value: unknown): SqlValue | undefined {
  if (typeof value === "string") return value.includes("\0") ? undefined : value;
  if (typeof value === "number") return value;
  if (!Array.isArray(value) || value.length !== 1) return undefined;
  const [text] = value as unknown[];
  return typeof text === "string" && /^-?\d{1,19}$/.test(text) ? BigInt.asIntN(64, BigInt(text)) : undefined;
}

/** Tells searches apart; guards against mistakes, not against forgers, who gain nothing. */
function digest(search: string): string {
  return createHash("sha256").update(search).digest("base64url").slice(0, 11);
}
