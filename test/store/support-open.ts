import { systemClock } from "../../src/base/clock.ts";
import type { Database, Migration } from "../../src/store/database.ts";
import { openPostgres } from "../../src/store/postgres.ts";
import { parsePostgresAddress } from "../../src/store/postgres/address.ts";
import { openSqlite, type SqliteDatabase, type SqliteOptions } from "../../src/store/sqlite.ts";

export const counterMigrations: readonly Migration[] = [
  {
    id: "counter-001",
    statements: [
      "CREATE TABLE counters (name TEXT PRIMARY KEY, value BIGINT NOT NULL)",
      "CREATE TABLE measured (name TEXT PRIMARY KEY, value DOUBLE PRECISION, note TEXT)",
    ],
  },
];

/** Where a database is: a SQLite file with the bundle of its writer, or an address of PostgreSQL. */
export type Place = { file: string; writerFile: string } | { postgres: string };

export type CountingDatabase = Database & { stats(): { acknowledged: number; commits: number } };

/** A database with the tables that the fixtures' commands expect. */
export function openAt(
  place: Place,
  options: Partial<Pick<SqliteOptions, "migrations" | "queue">> = {},
): Promise<CountingDatabase> {
  if ("file" in place) return openCounters(place.file, place.writerFile, options);
  const address = parsePostgresAddress(place.postgres);
  return openPostgres({ address, migrations: counterMigrations, clock: systemClock, ...options });
}

/** A place as words of a command line, and back. */
export function placeToWords(place: Place): string[] {
  return "file" in place ? [place.file, place.writerFile] : [place.postgres];
}

export function placeFromWords([first = "", writerFile]: string[]): Place {
  return writerFile === undefined ? { postgres: first } : { file: first, writerFile };
}

/** On SQLite. */
export function openCounters(
  file: string,
  writerFile: string,
  options: Partial<SqliteOptions> = {},
): Promise<SqliteDatabase> {
  return openSqlite({ file, writerFile, migrations: counterMigrations, clock: systemClock, ...options });
}
