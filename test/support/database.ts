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
}): Promise<Database> {
  const { folder, migrations, clock } = options;
  if (inject("database") === "postgres")
    return openPostgres({ address: parsePostgresAddress(await freshPostgres()), migrations, clock });
  return openSqlite({
    file: join(folder, "slipway.db"),
    writerFile: fileURLToPath(new URL("../../dist/writer-thread.js", import.meta.url)),
    migrations,
    clock,
  });
}
