import { systemClock } from "../../src/base/clock.ts";
import type { Migration } from "../../src/store/database.ts";
import { openSqlite, type SqliteDatabase, type SqliteOptions } from "../../src/store/sqlite.ts";

const counterMigrations: readonly Migration[] = [
  {
    id: "counter-001",
    statements: ["CREATE TABLE counters (name TEXT PRIMARY KEY, value BIGINT NOT NULL)"],
  },
];

/** A database with one table, as the fixtures' commands expect it. */
export function openCounters(
  file: string,
  writerFile: string,
  options: Partial<SqliteOptions> = {},
): Promise<SqliteDatabase> {
  return openSqlite({ file, writerFile, migrations: counterMigrations, clock: systemClock, ...options });
}
