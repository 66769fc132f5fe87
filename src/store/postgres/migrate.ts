import { SlipwayError } from "../../http/errors.ts";
import type { Migration } from "../database.ts";
import type { Fence } from "../leader.ts";
import type { Connection } from "./connection.ts";
import { checkFence } from "./fence.ts";
import type { Locks } from "./locks.ts";
import { byBytes } from "./sql.ts";

/** The oldest server that says what became of a transaction by its full number. */
const OLDEST_SERVER = 130_000;

/**
 * Brings the schema up to date, all new migrations in one transaction; of several processes that start at once one
 * does it and the others wait. STORE_NEWER when a newer program has been here; STORE_FOREIGN when the tables are
 * somebody else's; STORE_REFUSED when the server can't be used. `now`: when the migrations count as applied.
 */
export async function migrate(
  connection: Connection,
  {
    schema,
    locks,
    migrations,
    now,
    isPart = false,
    fence,
  }: {
    schema: string;
    locks: Locks;
    migrations: readonly Migration[];
    now: number;
    /** These are some of all that there are: others that were applied say nothing of a newer program. */
    isPart?: boolean;
    fence?: Fence | undefined;
  },
): Promise<void> {
  await checkServer(connection);
  await connection.send("BEGIN");
  try {
    await connection.query("SELECT pg_advisory_xact_lock(?)", [locks.migration]);
    // What a process sent that was killed has ended, one way or the other, before this one reads anything.
    await connection.query("SELECT pg_advisory_xact_lock(?)", [locks.everything]);
    if (fence !== undefined) await checkFence(connection, fence);
    const found = await connection.query("SELECT 1 FROM pg_namespace WHERE nspname = ?", [schema]);
    if (found.rows.length === 0) await connection.send(`CREATE SCHEMA ${schema}`);
    const applied = await appliedMigrations(connection, schema);
    const known = new Set(migrations.map(({ id }) => id));
    const newer = isPart ? [] : [...applied].filter((id) => !known.has(id));
    if (newer.length > 0) {
      throw new SlipwayError("STORE_NEWER", "the database was written by a newer version of this program", {
        given: newer.join(", "),
        hint: "Start the newer version of slipway again, or name another schema with ?schema=… in --store.",
      });
    }
    for (const migration of migrations) {
      if (applied.has(migration.id)) continue;
      for (const statement of migration.statements) {
        await connection.send(byBytes(typeof statement === "string" ? statement : statement.postgres));
      }
      await connection.query("INSERT INTO schema_migrations (id, applied_at) VALUES (?, ?)", [
        migration.id,
        now,
      ]);
    }
    await connection.send("COMMIT");
  } catch (error) {
    await connection.send("ROLLBACK").catch(() => {});
    throw error;
  }
}

async function checkServer(connection: Connection): Promise<void> {
  const { rows } = await connection.query<{ version: number; encoding: string; shown: string }>(
    `SELECT current_setting('server_version_num')::int AS version, current_setting('server_version') AS shown,
       current_setting('server_encoding') AS encoding`,
  );
  const [server] = rows;
  if (!server || server.version < OLDEST_SERVER) {
    throw new SlipwayError("STORE_REFUSED", "the server is too old", {
      given: `PostgreSQL ${server?.shown}`,
      allowed: "13 or newer",
    });
  }
  if (server.encoding !== "UTF8") {
    throw new SlipwayError("STORE_REFUSED", "the database can't hold every text", {
      given: `encoding ${server.encoding}`,
      allowed: "UTF8",
      hint: "Create the database with ENCODING 'UTF8' TEMPLATE template0.",
    });
  }
}

async function appliedMigrations(connection: Connection, schema: string): Promise<Set<string>> {
  const { rows } = await connection.query<{ name: string }>(
    "SELECT tablename::text AS name FROM pg_tables WHERE schemaname = ?",
    [schema],
  );
  if (rows.some(({ name }) => name === "schema_migrations")) {
    const { rows: applied } = await connection.query<{ id: string }>("SELECT id FROM schema_migrations");
    return new Set(applied.map(({ id }) => id));
  }
  if (rows.length > 0) {
    throw new SlipwayError("STORE_FOREIGN", "the database's schema belongs to another program", {
      where: `schema ${schema}`,
      given: `tables ${rows
        .slice(0, 5)
        .map(({ name }) => name)
        .join(", ")}`,
      hint: "Name another schema with ?schema=… in --store; it is made when it isn't there.",
    });
  }
  await connection.send("CREATE TABLE schema_migrations (id TEXT PRIMARY KEY, applied_at BIGINT NOT NULL)");
  return new Set();
}
