import type { Clock } from "../base/clock.ts";
import { SlipwayError } from "../http/errors.ts";
import type { Beside, Command, Database, Migration, ReadTx } from "./database.ts";
import type { Fence } from "./leader.ts";
import type { PostgresAddress } from "./postgres/address.ts";
import { Connection, type Timeouts } from "./postgres/connection.ts";
import { sessionsOf } from "./postgres/leader-row.ts";
import { Locks } from "./postgres/locks.ts";
import { migrate } from "./postgres/migrate.ts";
import { Pool } from "./postgres/pool.ts";
import { SnapshotTx } from "./postgres/transaction.ts";
import { Writer } from "./postgres/writer.ts";

export interface PostgresOptions {
  address: PostgresAddress;
  migrations: readonly Migration[];
  clock: Clock;
  /** Writes that may wait or be under way; over it UNAVAILABLE. Defaults: 10,000 commands, 64 MiB of arguments. */
  queue?: { count: number; bytes: number };
  /** Connections that write, and that read; default 8 each. */
  connections?: { writing: number; reading: number };
  /** Of the one that leads, where several processes use one database: every write checks it. */
  fence?: Fence | undefined;
}

export interface PostgresDatabase extends Database {
  /** Acknowledged commands, and the commits that carried them. */
  stats(): { acknowledged: number; commits: number };
}

/** In milliseconds. A read that takes longer than this would hold old rows for everyone. */
const TIMEOUTS: Timeouts = { connect: 5_000, statement: 30_000, lock: 10_000, idleInTransaction: 15_000 };
/** Somebody else may be at it, and large tables take their time. */
const WHILE_MIGRATING: Timeouts = { ...TIMEOUTS, statement: 600_000, lock: 600_000 };
const WAITING = 1_000;
const SNAPSHOT = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/**
 * Opens the database and brings its schema up to date. STORE_UNREACHABLE, STORE_REFUSED, STORE_NEWER and STORE_FOREIGN say
 * why it can't. Several processes may use one database at the same time; see `runGroup` for how they agree.
 */
export async function openPostgres(options: PostgresOptions): Promise<PostgresDatabase> {
  const { address, clock, migrations, fence } = options;
  const ticks = (): number => clock.ticks?.() ?? clock.now();
  const locks = new Locks(address.schema);
  const name = fence === undefined ? "slipway" : sessionsOf(fence.epoch);
  const open = (timeouts: Timeouts): Promise<Connection> => Connection.open(address, timeouts, ticks(), name);
  const first = await open(WHILE_MIGRATING).catch((error: SlipwayError) => {
    throw error.code === "UNAVAILABLE"
      ? new SlipwayError("STORE_UNREACHABLE", error.message, { cause: error })
      : error;
  });
  try {
    await migrate(first, { schema: address.schema, locks, migrations, now: clock.now(), fence });
  } finally {
    await first.end();
  }
  const pool = (connections: number): Pool =>
    new Pool({
      open: () => open(TIMEOUTS),
      ticks,
      connections,
      waiting: WAITING,
      waitMs: TIMEOUTS.statement,
    });
  return new Postgres(options, locks, pool);
}

class Postgres implements PostgresDatabase {
  readonly #readers: Pool;
  readonly #writers: Pool;
  readonly #writer: Writer;
  #closing: Promise<void> | undefined;

  constructor(options: PostgresOptions, locks: Locks, pool: (connections: number) => Pool) {
    const { writing, reading } = options.connections ?? { writing: 8, reading: 8 };
    this.#readers = pool(reading);
    this.#writers = pool(writing);
    this.#writer = new Writer({
      pool: this.#writers,
      locks,
      clock: options.clock,
      lanes: writing,
      fence: options.fence,
      limit: options.queue ?? { count: 10_000, bytes: 64 * 1024 * 1024 },
    });
  }

  write<Args, Result>(command: Command<Args, Result>, args: Args, also?: Beside): Promise<Result> {
    return this.#writer.write(command, args, also);
  }

  async read<Result>(query: (tx: ReadTx) => Promise<Result>): Promise<Result> {
    if (this.#closing) throw new SlipwayError("UNAVAILABLE", "the database is closed");
    return this.#readers.use(async (connection) => {
      // Goes out together with the first statement; when it fails, so does that one.
      connection.send(SNAPSHOT).catch(() => {});
      try {
        return await query(new SnapshotTx(connection));
      } finally {
        // Nothing to wait for: the next one's statements run behind it.
        connection.send("COMMIT").catch(() => {});
      }
    });
  }

  stats(): { acknowledged: number; commits: number } {
    return this.#writer.stats();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#writer.close();
    await Promise.all([this.#readers.close(), this.#writers.close()]);
  }
}
