import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { inject } from "vitest";
import type { Clock } from "../../src/base/clock.ts";
import type { Database, Migration } from "../../src/store/database.ts";
import { openPostgres } from "../../src/store/postgres.ts";
import { parsePostgresAddress } from "../../src/store/postgres/address.ts";
import { openSqlite } from "../../src/store/sqlite.ts";
import { freshPostgres } from "./shared-postgres.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** The database that this project of vitest.config.ts tests with. */
    database: "sqlite" | "postgres";
  }
}

/** An empty database, of the kind that the test run is about, with the product's own commands. */
export async function openTestDatabase(options: {
  folder: string;
  migrations: readonly Migration[];
  clock: Clock;
  /** Default: the kind that the test run is about. */
  kind?: "sqlite" | "postgres";
  /** An address of PostgreSQL that was given out already, to open it twice. */
  address?: string;
}): Promise<Database> {
  const { folder, migrations, clock, address } = options;
  const { kind = address === undefined ? inject("database") : "postgres" } = options;
  if (kind === "postgres") {
    const parsed = parsePostgresAddress(address ?? (await freshPostgres()));
    return openPostgres({ address: parsed, migrations, clock });
  }
  return openSqlite({
    file: join(folder, "slipway.db"),
    writerFile: fileURLToPath(new URL("../../dist/writer-thread.js", import.meta.url)),
    migrations,
    clock,
  });
}
