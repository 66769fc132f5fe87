import { checkUnique, parseOrder } from "../search/order.ts";
import type { OrderTerm } from "../search/paging.ts";
import { invalid } from "../wire/errors.ts";
import { attribute, entityType, type EntryTable } from "./search-conditions.ts";

/** One field that runs are ordered by. */
export type OrderField = { descending: boolean } & (
  | { table: "runs"; column: string }
  | { table: EntryTable; key: string }
);

/**
 * Reads `order_by`. Ties are broken by start time, newest first, then by run id, unless these were named.
 * @returns at least one field
 */
export function orderFields(clauses: readonly string[]): OrderField[] {
  const named = parseOrder(clauses).map(({ entity, key, descending }): OrderField => {
    const type = entityType(entity);
    switch (type) {
      case "attribute":
        return { table: "runs", column: attribute(key), descending };
      case "metric":
        return { table: "latest_metrics", key, descending };
      case "parameter":
        return { table: "params", key, descending };
      case "tag":
        return { table: "tags", key, descending };
      case "dataset":
        throw invalid(`Invalid order_by entity type '${type}': runs aren't ordered by their datasets.`);
    }
  });
  checkUnique(named, (field) => (field.table === "runs" ? field.column : `${field.table}.${field.key}`));
  const has = (column: string): boolean =>
    named.some((field) => field.table === "runs" && field.column === column);
  return [
    ...named,
    ...(has("start_time") ? [] : [{ table: "runs", column: "start_time", descending: true } as const]),
    ...(has("run_id") ? [] : [{ table: "runs", column: "run_id", descending: false } as const]),
  ];
}

/** Columns of an order by a value that may be missing: first what kind it is, then the value. */
export const VALUE = 0;
export const NAN = 1;

/** What stands for a missing value; comes after values and NaN, in either direction. */
export function missingClass(table: EntryTable): number {
  return table === "latest_metrics" ? 2 : 1;
}

export function filler(table: EntryTable): string {
  return table === "latest_metrics" ? "0" : "''";
}

/** The field as columns that are never NULL: values first, then NaN, then what is missing. */
export function termsOf(field: OrderField): OrderTerm[] {
  const { descending } = field;
  if (field.table === "runs") {
    if (field.column !== "end_time") return [{ sql: `r.${field.column}`, params: [], descending }];
    return [
      { sql: "CASE WHEN r.end_time IS NULL THEN 1 ELSE 0 END", params: [], descending: false },
      { sql: "COALESCE(r.end_time, 0)", params: [], descending },
    ];
  }
  const { table, key } = field;
  const entry = (what: string, otherwise: string): string =>
    `COALESCE((SELECT ${what} FROM ${table} t WHERE t.rid = r.rid AND t.key = ?), ${otherwise})`;
  const kind = table === "latest_metrics" ? "t.is_nan" : "0";
  return [
    { sql: entry(kind, String(missingClass(table))), params: [key], descending: false },
    { sql: entry("t.value", filler(table)), params: [key], descending },
  ];
}
