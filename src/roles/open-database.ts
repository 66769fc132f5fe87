import type { Clock } from "../base/clock.ts";
import type { SlipwayError } from "../http/errors.ts";
import type { Database, Migration } from "../store/database.ts";
import type { Fence } from "../store/leader.ts";
import type { PostgresAddress } from "../store/postgres/address.ts";
import { openSqlite } from "../store/sqlite.ts";

/** The database that the platform was started with. */
export async function openDatabase(options: {
  /** Undefined: the SQLite file. */
  postgres: PostgresAddress | undefined;
  file: string;
  writerFile: string;
  migrations: readonly Migration[];
  clock: Clock;
  onFatal: (error: SlipwayError) => void;
  /** Of the control process that leads in a cluster. */
  fence?: Fence | undefined;
}): Promise<Database> {
  const { postgres, migrations, clock, fence } = options;
  if (postgres === undefined) return openSqlite(options);
  // A laptop's platform doesn't load the driver.
  const { openPostgres } = await import("../store/postgres.ts");
  return openPostgres({ address: postgres, migrations, clock, fence });
}
