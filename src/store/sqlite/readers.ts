import { SlipwayError } from "../../http/errors.ts";
import type { ReadTx, SqlValue } from "../database.ts";
import { Connection } from "./connection.ts";

/** Connections: more would only help queries that wait for something besides the database. */
const CONNECTIONS = 4;
const WAITING = 1_000;

/**
 * Read-only connections, opened when first needed. One query holds one connection for the length of its
 * snapshot; further queries wait in a bounded line.
 */
export class Readers {
  readonly #file: string;
  readonly #free: Connection[] = [];
  readonly #line: ((connection: Connection) => void)[] = [];
  #open = 0;
  #closed = false;

  constructor(file: string) {
    this.#file = file;
    this.#free.push(this.#connect());
  }

  async read<Result>(query: (tx: ReadTx) => Promise<Result>): Promise<Result> {
    const connection = await this.#take();
    try {
      connection.run("BEGIN");
      return await query(new SnapshotTx(connection));
    } finally {
      if (connection.inTransaction) connection.run("COMMIT");
      this.#give(connection);
    }
  }

  close(): void {
    this.#closed = true;
    for (const connection of this.#free.splice(0)) connection.close();
  }

  #connect(): Connection {
    this.#open++;
    return Connection.forReading(this.#file);
  }

  async #take(): Promise<Connection> {
    if (this.#closed) throw new SlipwayError("UNAVAILABLE", "the database is closed");
    const free = this.#free.pop();
    if (free) return free;
    if (this.#open < CONNECTIONS) return this.#connect();
    if (this.#line.length >= WAITING) throw new SlipwayError("UNAVAILABLE", "too many queries wait");
    return new Promise((resolve) => this.#line.push(resolve));
  }

  #give(connection: Connection): void {
    const next = this.#line.shift();
    if (next) next(connection);
    else if (this.#closed) connection.close();
    else this.#free.push(connection);
  }
}

class SnapshotTx implements ReadTx {
  readonly dialect = "sqlite";
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  async all<Row>(sql: string, params?: readonly SqlValue[]): Promise<Row[]> {
    return this.#connection.all(sql, params) as Row[];
  }

  async get<Row>(sql: string, params?: readonly SqlValue[]): Promise<Row | undefined> {
    return this.#connection.all(sql, params)[0] as Row | undefined;
  }
}
