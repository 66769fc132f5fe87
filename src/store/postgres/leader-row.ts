import type { Clock } from "../../base/clock.ts";
import { leaderMigrations, type Leader, type LeaderRow } from "../leader.ts";
import type { PostgresAddress } from "./address.ts";
import { Connection, type Timeouts } from "./connection.ts";
import { Locks } from "./locks.ts";
import { migrate } from "./migrate.ts";

/** In milliseconds: a lease is renewed, or looked at, well before it runs out, or the attempt is given up. */
const TIMEOUTS: Timeouts = { connect: 2_000, statement: 2_000, lock: 2_000, idleInTransaction: 4_000 };
/** A holder whose session has ended may be connecting again: it has so long. */
const SESSION_GRACE_MS = 2_000;

const NOW = "(EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::bigint";
const SESSION =
  "(SELECT pid::text || ' ' || backend_start::text FROM pg_stat_activity WHERE pid = pg_backend_pid())";
const IS_OVER = `(leader.expires_at < ${NOW} OR (leader.renewed_at < ${NOW} - ${SESSION_GRACE_MS} AND NOT EXISTS (
  SELECT 1 FROM pg_stat_activity a WHERE a.pid::text || ' ' || a.backend_start::text = leader.session)))`;

/** By which a leader's sessions are known, so that its successor can end them. */
export function sessionsOf(epoch: number): string {
  return `slipway leader ${epoch}`;
}

/** The row of leadership, over one connection of its own that is opened again whenever it was lost. */
export function openLeaderRow(deps: {
  address: PostgresAddress;
  clock: Clock;
  /** Of this process. */
  holder: string;
  reachedAt: string;
}): LeaderRow {
  return new PostgresLeaderRow(deps);
}

class PostgresLeaderRow implements LeaderRow {
  readonly #deps: Parameters<typeof openLeaderRow>[0];
  readonly #locks: Locks;
  #connection: Connection | undefined;
  #hasTable = false;

  constructor(deps: Parameters<typeof openLeaderRow>[0]) {
    this.#deps = deps;
    this.#locks = new Locks(deps.address.schema);
  }

  async look(): Promise<Leader | undefined> {
    const connection = await this.#open();
    const { rows } = await connection.query<{
      holder: string;
      address: string;
      epoch: number | bigint;
      left_ms: number | bigint;
      is_over: boolean;
    }>(
      `SELECT holder, address, epoch, expires_at - ${NOW} AS left_ms, ${IS_OVER}::int AS is_over
       FROM leader WHERE one = 1`,
    );
    const [row] = rows;
    if (row === undefined) return undefined;
    const { holder, address } = row;
    const [epoch, leftMs, over] = [row.epoch, row.left_ms, row.is_over].map(Number);
    return { holder, address, epoch: epoch ?? 0, leftMs: leftMs ?? 0, isOver: over === 1 };
  }

  /**
   * Holds the lock of everything meanwhile, so that each write of the former leader either has ended before, or reads the
   * new epoch and is refused. What it left open would keep that lock: its sessions are ended first.
   */
  async claim(seen: Leader | undefined, leaseMs: number): Promise<number | undefined> {
    const connection = await this.#open();
    if (seen !== undefined) await this.#endSessions(connection, seen.epoch);
    const { holder, reachedAt } = this.#deps;
    await connection.send("BEGIN");
    try {
      await connection.query("SELECT pg_advisory_xact_lock(?)", [this.#locks.everything]);
      const { rows } = await connection.query<{ epoch: number | bigint }>(
        `INSERT INTO leader (one, holder, address, epoch, session, renewed_at, expires_at)
         VALUES (1, ?, ?, 1, ${SESSION}, ${NOW}, ${NOW} + ?)
         ON CONFLICT (one) DO UPDATE SET holder = excluded.holder, address = excluded.address,
           epoch = leader.epoch + 1, session = excluded.session, renewed_at = excluded.renewed_at,
           expires_at = excluded.expires_at
         WHERE leader.epoch = ? AND ${IS_OVER}
         RETURNING epoch`,
        [holder, reachedAt, leaseMs, seen?.epoch ?? 0],
      );
      const answer = await connection.send("COMMIT");
      const [row] = rows;
      return row === undefined || answer.command !== "COMMIT" ? undefined : Number(row.epoch);
    } catch (error) {
      if (!connection.isLost) await connection.send("ROLLBACK").catch(() => undefined);
      throw error;
    }
  }

  async renew(epoch: number, leaseMs: number): Promise<boolean> {
    const connection = await this.#open();
    const { changes } = await connection.query(
      `UPDATE leader SET session = ${SESSION}, renewed_at = ${NOW}, expires_at = ${NOW} + ?
       WHERE one = 1 AND epoch = ?`,
      [leaseMs, epoch],
    );
    return changes === 1;
  }

  async release(epoch: number): Promise<void> {
    const connection = await this.#open();
    await connection.query("UPDATE leader SET expires_at = 0 WHERE one = 1 AND epoch = ?", [epoch]);
  }

  async close(): Promise<void> {
    await this.#connection?.end();
  }

  /** Those of one role of the database may be ended by each other, without any further right. */
  async #endSessions(connection: Connection, epoch: number): Promise<void> {
    await connection.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE application_name = ? AND datname = current_database() AND usename = current_user`,
      [sessionsOf(epoch)],
    );
  }

  async #open(): Promise<Connection> {
    const { address, clock } = this.#deps;
    if (this.#connection === undefined || this.#connection.isLost) {
      void this.#connection?.end();
      this.#connection = undefined;
      this.#connection = await Connection.open(address, TIMEOUTS, clock.now(), "slipway election");
    }
    if (!this.#hasTable) await this.#ensureTable(this.#connection);
    return this.#connection;
  }

  /** All other tables are the leader's to bring up to date: this one says who that is. */
  async #ensureTable(connection: Connection): Promise<void> {
    const { address, clock } = this.#deps;
    const { rows } = await connection.query<{ found: string | null }>(
      "SELECT to_regclass(?)::text AS found",
      [`${address.schema}.leader`],
    );
    if (rows[0]?.found === null) {
      const { schema } = address;
      const now = clock.now();
      await migrate(connection, {
        schema,
        locks: this.#locks,
        migrations: leaderMigrations,
        now,
        isPart: true,
      });
    }
    this.#hasTable = true;
  }
}
