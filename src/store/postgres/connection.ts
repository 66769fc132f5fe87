import { readFileSync } from "node:fs";
import { Client, type ClientConfig, type CustomTypesConfig, type QueryResult } from "pg";
import { SlipwayError } from "../../http/errors.ts";
import type { SqlValue } from "../database.ts";
import type { PostgresAddress } from "./address.ts";
import { endsTheConnection, fromPostgres } from "./failures.ts";
import { numbered } from "./sql.ts";
import { toWire, types } from "./values.ts";

/** Bounds of one connection, in milliseconds. */
export interface Timeouts {
  connect: number;
  /** Of one statement, ended by the server. */
  statement: number;
  /** Of one wait for a lock, ended by the server. */
  lock: number;
  /** Of a transaction whose client has gone silent; the server then gives its locks back. */
  idleInTransaction: number;
}

export interface Answer<Row = Record<string, SqlValue>> {
  rows: Row[];
  /** Rows that the statement changed. */
  changes: number;
  /** What the server says it has done: after a COMMIT of a failed transaction, ROLLBACK. */
  command: string;
}

/** Prepared statements per connection: a search composes its SQL, so their number must have an end. */
const PREPARED = 400;
const SEEN = 2_000;

/**
 * One connection. Statements may be sent without waiting for the one before: they go out together and run in
 * their order. Whatever goes wrong is thrown as a SlipwayError.
 */
export class Connection {
  readonly #client: Client;
  readonly #statements = new Map<string, { text: string; name?: string }>();
  #named = 0;
  #lost = false;
  readonly openedAt: number;

  private constructor(client: Client, now: number) {
    this.#client = client;
    this.openedAt = now;
    // Of a connection that nobody uses; a statement under way is rejected by itself.
    client.on("error", () => (this.#lost = true));
    client.on("end", () => (this.#lost = true));
  }

  /**
   * UNAVAILABLE, STORE_REFUSED: why there is none. `now` in milliseconds, of any clock; the server shows the session by
   * its `name`.
   */
  static async open(
    address: PostgresAddress,
    timeouts: Timeouts,
    now: number,
    name = "slipway",
  ): Promise<Connection> {
    const where = `connecting to ${address.host}:${address.port}`;
    const client = new Client({
      host: address.host,
      port: address.port,
      user: address.user,
      database: address.database,
      // A function, so that no dump of the client's fields shows it; and never the library's own search for one.
      password: () => address.password ?? "",
      ssl: tls(address),
      application_name: name,
      connectionTimeoutMillis: timeouts.connect,
      // The server ends a slow statement; this ends the wait for a server that has fallen silent.
      query_timeout: timeouts.statement + timeouts.lock,
      keepAlive: true,
      keepAliveInitialDelayMillis: 10_000,
      pipeline: true,
      types: types as unknown as CustomTypesConfig,
    });
    const connection = new Connection(client, now);
    try {
      await client.connect();
      await client.query(settings(address.schema, timeouts));
      return connection;
    } catch (error) {
      client.end().catch(() => {});
      throw fromPostgres(error, where);
    }
  }

  /** True when nothing can be asked over it any more. */
  get isLost(): boolean {
    return this.#lost;
  }

  /** Statements without parameters; several are separated by semicolons. */
  async send(sql: string): Promise<Answer> {
    try {
      return answer(await this.#client.query(sql));
    } catch (error) {
      throw this.#failed(error, sql);
    }
  }

  async query<Row>(sql: string, params: readonly SqlValue[] = []): Promise<Answer<Row>> {
    try {
      const { text, name } = this.#statement(sql);
      const values = toWire(params);
      return answer<Row>(
        await this.#client.query(name === undefined ? { text, values } : { name, text, values }),
      );
    } catch (error) {
      throw this.#failed(error, sql);
    }
  }

  /** Ends it in good order; resolves when it is gone, whatever state it was in. */
  async end(): Promise<void> {
    this.#lost = true;
    await this.#client.end().catch(() => {});
  }

  #failed(error: unknown, where: string): SlipwayError {
    const failure = fromPostgres(error, where);
    if (endsTheConnection(failure)) this.#lost = true;
    return failure;
  }

  /**
   * The statement as PostgreSQL writes it, and the name under which it is prepared from its second use on:
   * one that is composed for a single search would only fill the server's memory.
   */
  #statement(sql: string): { text: string; name?: string } {
    const known = this.#statements.get(sql);
    if (!known) {
      if (this.#statements.size >= SEEN) {
        for (const [text, { name }] of this.#statements)
          if (name === undefined) this.#statements.delete(text);
      }
      const fresh = { text: numbered(sql) };
      this.#statements.set(sql, fresh);
      return fresh;
    }
    if (known.name === undefined && this.#named < PREPARED) known.name = `s${++this.#named}`;
    return known;
  }
}

function answer<Row>(result: QueryResult): Answer<Row> {
  const { rows, rowCount, command } = result;
  return { rows: rows as Row[], changes: rowCount ?? 0, command };
}

function tls({ sslmode, sslrootcert, host }: PostgresAddress): ClientConfig["ssl"] {
  if (sslmode === "disable") return false;
  const isVerified = sslmode === "verify-full";
  try {
    const ca = sslrootcert === undefined ? {} : { ca: readFileSync(sslrootcert, "utf8") };
    return { rejectUnauthorized: isVerified, ...ca, ...(isVerified ? { servername: host } : {}) };
  } catch (error) {
    throw new SlipwayError("STORE_REFUSED", "the certificates can't be read", {
      where: sslrootcert ?? "sslrootcert",
      cause: error,
    });
  }
}

function settings(schema: string, timeouts: Timeouts): string {
  return [
    `SET search_path TO ${schema}`,
    `SET statement_timeout = ${timeouts.statement}`,
    `SET lock_timeout = ${timeouts.lock}`,
    `SET idle_in_transaction_session_timeout = ${timeouts.idleInTransaction}`,
    "SET default_transaction_isolation = 'read committed'",
    // Compiling costs more than any statement of ours saves by it.
    "SET jit = off",
    // An acknowledged write is on the disk, whatever the server was told; a stronger setting is left as it is.
    "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'",
  ].join("; ");
}
