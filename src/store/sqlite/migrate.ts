import { SlipwayError } from "../../http/errors.ts";
import type { Migration } from "../database.ts";
import type { Connection } from "./connection.ts";

/**
 * Brings the schema up to date, all new migrations in one transaction: a start that fails leaves the file as it was.
 * STORE_NEWER when a newer program has been here; STORE_FOREIGN when the tables are somebody else's.
 */
export function migrate(connection: Connection, migrations: readonly Migration[], now: number): void {
  connection.exec("BEGIN IMMEDIATE");
  try {
    const applied = appliedMigrations(connection);
    const known = new Set(migrations.map((migration) => migration.id));
    const newer = [...applied].filter((id) => !known.has(id));
    if (newer.length > 0) {
      throw new SlipwayError("STORE_NEWER", "the database was written by a newer version of this program", {
        given: newer.join(", "),
      });
    }
    for (const migration of migrations) {
      if (applied.has(migration.id)) continue;
      for (const statement of migration.statements) {
        connection.exec(typeof statement === "string" ? statement : statement.sqlite);
      }
      connection.run("INSERT INTO schema_migrations (id, applied_at) VALUES (?, ?)", [migration.id, now]);
    }
    connection.exec("COMMIT");
  } catch (error) {
    if (connection.inTransaction) connection.exec("ROLLBACK");
    throw error;
  }
}

function appliedMigrations(connection: Connection): Set<string> {
  const tables = connection.all("SELECT name FROM sqlite_schema WHERE type = 'table'");
  const names = tables.map((row) => String(row["name"]));
  if (names.includes("schema_migrations")) {
    return new Set(connection.all("SELECT id FROM schema_migrations").map((row) => String(row["id"])));
  }
  const foreign = names.filter((name) => !name.startsWith("sqlite_"));
  if (foreign.length > 0) {
    throw new SlipwayError("STORE_FOREIGN", "the database belongs to another program", {
      given: `tables ${foreign.slice(0, 5).join(", ")}`,
    });
  }
  connection.exec("CREATE TABLE schema_migrations (id TEXT PRIMARY KEY, applied_at BIGINT NOT NULL)");
  return new Set();
}
