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

/** The last term must be unique. A token is bound to the order it was made for. */
export function pageBy(terms: readonly OrderTerm[], token: string | undefined): Page {
  const order = terms.map((term) => `${term.sql}${term.params.join()}${term.descending}`).join();
  return {
    columns: joinSql(
      terms.map((term, index) => ({ sql: `${term.sql} AS k${index}`, params: term.params })),
      ", ",
    ),
    after: token ? afterRow(terms, readToken(token, order, terms.length)) : undefined,
    orderBy: terms.map((term, index) => `k${index}${term.descending ? " DESC" : ""}`).join(", "),
    tokenOf(row) {
      const keys = terms.map((_, index) => row[`k${index}`]);
      return Buffer.from(JSON.stringify({ order: digest(order), keys })).toString("base64url");
    },
  };
}

/** (a, b) after (x, y) is a > x OR (a = x AND b > y), with < where the order falls. */
function afterRow(terms: readonly OrderTerm[], keys: readonly SqlValue[]): Sql {
  const alternatives = terms.map((term, index): Sql => {
    const same = terms.slice(0, index).map((earlier, at): Sql => ({
      sql: `${earlier.sql} = ?`,
      params: [...earlier.params, keys[at] ?? null],
    }));
    const beyond: Sql = {
      sql: `${term.sql} ${term.descending ? "<" : ">"} ?`,
      params: [...term.params, keys[index] ?? null],
    };
    const { sql, params } = joinSql([...same, beyond], " AND ");
    return { sql: `(${sql})`, params };
  });
  const { sql, params } = joinSql(alternatives, " OR ");
  return { sql: `(${sql})`, params };
}

function readToken(token: string, order: string, length: number): SqlValue[] {
  try {
    const read = JSON.parse(Buffer.from(token, "base64url").toString()) as { order: number; keys: unknown };
    const { keys } = read;
    if (read.order === digest(order) && Array.isArray(keys) && keys.length === length) {
      if (keys.every((key) => typeof key === "string" || typeof key === "number")) return keys as SqlValue[];
    }
  } catch {
    // Told below, with the same words.
  }
  throw invalid("Invalid page token: it belongs to another search, or isn't one of ours.");
}

/** 32-bit FNV-1a: tells orders apart; guards against mistakes, not against forgers, who gain nothing. */
function digest(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return hash >>> 0;
}
