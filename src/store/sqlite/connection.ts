import { DatabaseSync, type DatabaseSyncInstance, type StatementSyncInstance } from "@photostructure/sqlite";
import type { SqlValue } from "../database.ts";
import { fromSqlite } from "./failures.ts";

/** Statements kept prepared per connection; a search composes its SQL, so their number must have an end. */
const CACHED_STATEMENTS = 400;
/** How long a statement waits for another process that holds the file's lock. */
const BUSY_MS = 10_000;

/**
 * Pages kept in memory per connection, taken as they are needed. SQLite's default of 2 MiB is less than the inner pages
 * of a hundred thousand runs' indexes.
 */
const WRITING_CACHE_KIB = 16_384;
const READING_CACHE_KIB = 8_192;

type Row = Record<string, SqlValue>;

/**
 * A prepared statement. The library makes an array of a row in little more than half the time of an object, so rows
 * come as arrays and get their names here.
 */
interface Prepared {
  readonly statement: StatementSyncInstance;
  /** Names of its columns; known once it has returned rows. */
  names: string[] | undefined;
  /** Whether it reads every integer as bigint. */
  bigInts: boolean;
}

/**
 * One connection with its prepared statements. Integers come out as numbers, and as bigint only beyond 2^53.
 * Whatever SQLite refuses is thrown as a SlipwayError with a STORE_… code.
 */
export class Connection {
  readonly #db: DatabaseSyncInstance;
  readonly #statements = new Map<string, Prepared>();

  private constructor(db: DatabaseSyncInstance) {
    this.#db = db;
  }

  /** The writing connection: WAL, and every commit flushed before it returns. */
  static forWriting(file: string): Connection {
    return Connection.#open(file, false, [
      "PRAGMA journal_mode = WAL",
      "PRAGMA synchronous = FULL",
      // macOS: fsync leaves data in the drive's cache; SQLite ignores both pragmas elsewhere.
      "PRAGMA fullfsync = 1",
      "PRAGMA checkpoint_fullfsync = 1",
      "PRAGMA journal_size_limit = 67108864",
      // In pages: a page of an index that many commits change is written back once for all of them.
      "PRAGMA wal_autocheckpoint = 4000",
      `PRAGMA cache_size = -${WRITING_CACHE_KIB}`,
      "PRAGMA case_sensitive_like = ON",
    ]);
  }

  /** A connection that can't change anything. LIKE minds case, as in PostgreSQL. */
  static forReading(file: string): Connection {
    // A search of many runs looks up each of them.
    return Connection.#open(file, true, [
      "PRAGMA case_sensitive_like = ON",
      `PRAGMA cache_size = -${READING_CACHE_KIB}`,
    ]);
  }

  static #open(file: string, readOnly: boolean, pragmas: readonly string[]): Connection {
    let db: DatabaseSyncInstance | undefined;
    try {
      db = new DatabaseSync(file, { readOnly, timeout: BUSY_MS });
      for (const pragma of pragmas) db.exec(pragma);
      return new Connection(db);
    } catch (error) {
      db?.close();
      throw fromSqlite(error, `opening ${file}`);
    }
  }

  /** True inside BEGIN … COMMIT; a severe error can end a transaction behind our back. */
  get inTransaction(): boolean {
    return this.#db.isTransaction;
  }

  /** A statement that is not worth caching, or that can't be prepared. */
  exec(sql: string): void {
    try {
      this.#db.exec(sql);
    } catch (error) {
      throw fromSqlite(error, sql);
    }
  }

  run(sql: string, params: readonly SqlValue[] = []): { changes: number } {
    try {
      // A statement that writes reads bigints, and counts in them.
      return { changes: Number(this.#prepare(sql).statement.run(...checked(params)).changes) };
    } catch (error) {
      throw fromSqlite(error, sql);
    }
  }

  all(sql: string, params: readonly SqlValue[] = []): Row[] {
    const prepared = this.#prepared(sql);
    const values = checked(params);
    try {
      return rowsOf(prepared, values);
    } catch (error) {
      if (!isTooLarge(error)) throw fromSqlite(error, sql);
    }
    // From now on this statement reads every integer as bigint; a SELECT may be run again.
    prepared.statement.setReadBigInts(true);
    prepared.bigInts = true;
    try {
      return rowsOf(prepared, values);
    } catch (error) {
      throw fromSqlite(error, sql);
    }
  }

  close(): void {
    this.#statements.clear();
    this.#db.close();
  }

  #prepared(sql: string): Prepared {
    try {
      return this.#prepare(sql);
    } catch (error) {
      throw fromSqlite(error, sql);
    }
  }

  #prepare(sql: string): Prepared {
    const known = this.#statements.get(sql);
    if (known) {
      // Re-inserting keeps the map in order of use: the first key is the one unused for longest.
      if (this.#statements.size === CACHED_STATEMENTS) {
        this.#statements.delete(sql);
        this.#statements.set(sql, known);
      }
      return known;
    }
    const statement = this.#db.prepare(sql);
    statement.setReturnArrays(true);
    // A write that returns rows must not be run twice, so it reads bigints from the start.
    const bigInts = !/^\s*(select|with|pragma)\b/i.test(sql);
    if (bigInts) statement.setReadBigInts(true);
    if (this.#statements.size >= CACHED_STATEMENTS) {
      const oldest = this.#statements.keys().next().value;
      if (oldest !== undefined) this.#statements.delete(oldest);
    }
    const prepared: Prepared = { statement, names: undefined, bigInts };
    this.#statements.set(sql, prepared);
    return prepared;
  }
}

function rowsOf(prepared: Prepared, params: readonly SqlValue[]): Row[] {
  const arrays = prepared.statement.all(...params) as unknown as SqlValue[][];
  if (arrays.length === 0) return [];
  prepared.names ??= prepared.statement.columns().map(({ name }) => name);
  const { names, bigInts } = prepared;
  return arrays.map((values) => {
    const row: Row = {};
    for (let at = 0; at < names.length; at++) {
      const value = values[at] ?? null;
      row[names[at] ?? ""] = bigInts && typeof value === "bigint" ? smallest(value) : value;
    }
    return row;
  });
}

/**
 * SQLite would store NaN as NULL without a word; whoever has one must say how it is kept. The driver binds a double
 * that is less than 2^-52 away from the whole number below it as that number: one between 0 and 2^-52 would become 0.
 * As text it reaches its column, or the comparison with it, as the double that it is.
 */
function checked(params: readonly SqlValue[]): readonly SqlValue[] {
  let isTiny = false;
  for (const value of params) {
    if (typeof value !== "number") continue;
    if (Number.isNaN(value)) throw new TypeError("NaN can't be an SQL value");
    if (value > 0 && value < Number.EPSILON) isTiny = true;
  }
  if (!isTiny) return params;
  return params.map((value) =>
    typeof value === "number" && value > 0 && value < Number.EPSILON ? String(value) : value,
  );
}

function isTooLarge(error: unknown): boolean {
  return error instanceof Error && /too large to be represented as a JavaScript number/.test(error.message);
}

/** A number where it holds every digit. */
function smallest(value: bigint): number | bigint {
  return value <= Number.MAX_SAFE_INTEGER && value >= Number.MIN_SAFE_INTEGER ? Number(value) : value;
}
