import type { ReadTx } from "../../store/database.ts";
import { groupBy } from "../../base/group.ts";
import { JsonText, toWire, wireDouble } from "../wire/json.ts";

/** What hangs on a tracking run by its keys. */
type Table = "latest_metrics" | "params" | "tags";

/** Of a metric all of it, else key and value. */
interface EntryRow {
  rid: number;
  key: string;
  value: number | string;
  is_nan: number;
  timestamp: number;
  step: number;
}

interface Entries {
  columns: string;
  message: (row: EntryRow) => object;
  /** The same message by SQLite's functions. */
  sqlite: string;
}

const PAIR: Entries = {
  columns: "key, value",
  message: ({ key, value }) => ({ key, value }),
  sqlite: "json_object('key', key, 'value', value)",
};

const MESSAGES: Readonly<Record<Table, Entries>> = {
  latest_metrics: {
    columns: "key, value, is_nan, timestamp, step",
    message: ({ key, value, is_nan: isNan, timestamp, step }) => ({
      key,
      value: wireDouble(Number(value), isNan),
      timestamp,
      step,
    }),
    // Its own JSON writes 15 digits of a double; 17, of which it leaves out what says nothing, are the very double.
    sqlite: `json_object('key', key,
      'value', json(CASE is_nan WHEN 0 THEN printf('%!.17g', value) ELSE '"NaN"' END),
      'timestamp', timestamp, 'step', step)`,
  },
  params: PAIR,
  tags: PAIR,
};

const NONE = new JsonText("[]");

/**
 * What runs have in a table, by the run's number: MLflow's messages in the order of their keys, as JSON. A row costs
 * SQLite's driver several times as much as the database, so SQLite writes the text itself; PostgreSQL's driver has no
 * such cost.
 */
export async function runEntries(
  tx: ReadTx,
  table: Table,
  rids: readonly number[],
): Promise<{ of(rid: number): JsonText }> {
  const { columns, message, sqlite } = MESSAGES[table];
  const marks = rids.map(() => "?").join(", ");
  const found = new Map<number, JsonText>();
  if (tx.dialect === "sqlite") {
    const rows = await tx.all<{ rid: number; entries: string }>(
      `SELECT rid, json_group_array(${sqlite} ORDER BY key) AS entries FROM ${table} WHERE rid IN (${marks}) GROUP BY rid`,
      rids,
    );
    for (const { rid, entries } of rows) found.set(rid, new JsonText(entries));
  } else {
    const rows = await tx.all<EntryRow>(
      `SELECT rid, ${columns} FROM ${table} WHERE rid IN (${marks}) ORDER BY rid, key`,
      rids,
    );
    for (const [rid, own] of groupBy(rows, (row) => row.rid))
      found.set(rid, new JsonText(toWire(own.map(message))));
  }
  return { of: (rid) => found.get(rid) ?? NONE };
}
