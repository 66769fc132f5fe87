import { deserialize } from "node:v8";
import { SlipwayError, toSlipwayError } from "../../http/errors.ts";
import type { Command, ReadTx, SqlValue, Tx } from "../database.ts";
import type { Fence } from "../leader.ts";
import type { Answer, Connection } from "./connection.ts";
import { askFence, readFence } from "./fence.ts";
import type { Locks } from "./locks.ts";

/** A command of any shape; it is handed the arguments that its own type asks for. */
export type AnyCommand = Command<never, unknown>;

/** One write of a group: the command, and its arguments in V8's serialisation, fresh for every attempt. */
export interface Write {
  command: AnyCommand;
  scope: string | undefined;
  args: Uint8Array;
  /** Runs behind it, in the same savepoint. */
  also?: { command: AnyCommand; args: Uint8Array } | undefined;
}

export type Outcome = { ok: true; result: unknown } | { ok: false; error: SlipwayError };

/**
 * After so many milliseconds a group commits what it has: bounds how long the first of its commands waits for the
 * last, and how long its locks keep others away.
 */
const LONGEST_MS = 25;

/** A transaction whose COMMIT was sent and never answered. */
export class InDoubt extends Error {
  readonly xid: string;
  /** What becomes of the commands if it was committed. */
  readonly outcomes: Outcome[];

  constructor(xid: string, outcomes: Outcome[], cause: unknown) {
    super("the connection was lost during COMMIT", { cause });
    this.xid = xid;
    this.outcomes = outcomes;
  }
}

/**
 * Runs a group in one transaction, each command in a savepoint of its own, and answers what became of the commands
 * that were reached. It holds the lock of everything, alone or shared with other groups and with the locks of its own
 * scopes besides. READ COMMITTED on purpose: every statement sees what was committed when the locks had been given.
 * Throws InDoubt, or a SlipwayError: then nothing was committed.
 */
export async function runGroup(
  connection: Connection,
  { writes, scopes }: { writes: readonly Write[]; scopes: ReadonlySet<string> | undefined },
  { locks, ticks, fence }: { locks: Locks; ticks: () => number; fence?: Fence | undefined },
): Promise<Outcome[]> {
  const from = ticks();
  const outcomes: Outcome[] = [];
  const begun = begin(connection, locks, scopes, fence);
  // Heard below; meanwhile the first command's statements are on their way behind it.
  begun.catch(() => {});
  try {
    for (const write of writes) {
      outcomes.push(await runInSavepoint(connection, write, begun));
      if (ticks() - from > LONGEST_MS) break;
    }
    await commit(connection, await begun, outcomes);
    return outcomes;
  } catch (error) {
    if (!connection.isLost) await connection.send("ROLLBACK").catch(() => {});
    throw error;
  }
}

/** Answers the transaction's number, by which its fate can be asked for after a lost connection. */
async function begin(
  connection: Connection,
  locks: Locks,
  scopes: ReadonlySet<string> | undefined,
  fence: Fence | undefined,
): Promise<string> {
  const sent: Promise<Answer<{ xid: string }>>[] = [connection.send("BEGIN") as Promise<Answer<never>>];
  if (scopes === undefined) {
    const sql = "SELECT pg_advisory_xact_lock(?), pg_current_xact_id()::text AS xid";
    sent.push(connection.query(sql, [locks.everything]));
  } else {
    // In the order of the keys, so that two groups can't wait for each other.
    const keys = [...scopes].map((scope) => locks.of(scope)).sort((a, b) => (a < b ? -1 : 1));
    sent.push(
      connection.query("SELECT pg_advisory_xact_lock_shared(?), pg_current_xact_id()::text AS xid", [
        locks.everything,
      ]),
      connection.query("SELECT pg_advisory_xact_lock(key) FROM unnest(CAST(? AS bigint[])) AS keys (key)", [
        `{${keys.join(",")}}`,
      ]),
    );
  }
  // Behind the locks, and a statement of its own: it sees what was committed when they had been given.
  const asked = fence && askFence(connection, fence);
  const [answers, allowed] = await Promise.all([Promise.all(sent), asked]);
  if (fence !== undefined && allowed !== undefined) readFence(allowed, fence);
  return answers[1]?.rows[0]?.xid ?? "";
}

async function commit(connection: Connection, xid: string, outcomes: Outcome[]): Promise<void> {
  let answer: Answer;
  try {
    answer = await connection.send("COMMIT");
  } catch (error) {
    if (connection.isLost) throw new InDoubt(xid, outcomes, error);
    throw error;
  }
  if (answer.command !== "COMMIT") throw new SlipwayError("STORE_FAILED", "the transaction was undone");
}

/** Throws what ends the whole group; a command's own error is its outcome. */
async function runInSavepoint(
  connection: Connection,
  { command, args, also }: Write,
  begun: Promise<unknown>,
): Promise<Outcome> {
  const tx = new CommandTx(connection);
  tx.background(connection.send("SAVEPOINT command"));
  let outcome: Outcome;
  try {
    const result = await command.run(tx, deserialize(args) as never);
    if (also) await also.command.run(tx, deserialize(also.args) as never);
    outcome = { ok: true, result };
  } catch (error) {
    outcome = { ok: false, error: toSlipwayError(error) };
  }
  const failure = await tx.end();
  if (failure !== undefined) {
    // Without a transaction and its locks, every later error only says so.
    await begun;
    if (endsTheGroup(failure) || connection.isLost) throw failure;
    // A command can't go on after an error of the database, even when it caught it.
    if (outcome.ok) outcome = { ok: false, error: failure };
  }
  const ended = outcome.ok
    ? "RELEASE SAVEPOINT command"
    : "ROLLBACK TO SAVEPOINT command; RELEASE SAVEPOINT command";
  // Goes out with the next statement. When it fails, COMMIT answers that it has rolled back.
  connection.send(ended).catch(() => {});
  return outcome;
}

/** After a conflict with another transaction, or a failure of the store, the savepoint can't be told from the rest. */
function endsTheGroup(error: SlipwayError): boolean {
  return error.code.startsWith("STORE_") || error.code === "UNAVAILABLE";
}

/** What a command sees. Refuses to work after the command has ended: a forgotten `await` must not leak into the next one. */
class CommandTx implements Tx {
  readonly dialect = "postgres";
  readonly #connection: Connection;
  readonly #underWay = new Set<Promise<unknown>>();
  #failure: SlipwayError | undefined;
  #ended = false;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Waits for what the command has sent and not awaited; answers the first error of the database. */
  async end(): Promise<SlipwayError | undefined> {
    this.#ended = true;
    if (this.#underWay.size > 0) await Promise.allSettled(this.#underWay);
    return this.#failure;
  }

  background(statement: Promise<unknown>): void {
    void this.#heard(statement).catch(() => {});
  }

  async run(sql: string, params?: readonly SqlValue[]): Promise<{ changes: number }> {
    const { changes } = await this.#query(sql, params);
    return { changes };
  }

  async all<Row>(sql: string, params?: readonly SqlValue[]): Promise<Row[]> {
    return (await this.#query<Row>(sql, params)).rows;
  }

  async get<Row>(sql: string, params?: readonly SqlValue[]): Promise<Row | undefined> {
    return (await this.#query<Row>(sql, params)).rows[0];
  }

  #query<Row>(sql: string, params?: readonly SqlValue[]): Promise<Answer<Row>> {
    if (this.#ended) throw new Error("the command has ended; await every statement inside it");
    return this.#heard(this.#connection.query<Row>(sql, params));
  }

  async #heard<Result>(statement: Promise<Result>): Promise<Result> {
    this.#underWay.add(statement);
    try {
      return await statement;
    } catch (error) {
      this.#failure ??= toSlipwayError(error);
      throw error;
    } finally {
      this.#underWay.delete(statement);
    }
  }
}

/** What a query sees: one snapshot for as long as it lasts, on a connection that can't write. */
export class SnapshotTx implements ReadTx {
  readonly dialect = "postgres";
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  async all<Row>(sql: string, params?: readonly SqlValue[]): Promise<Row[]> {
    return (await this.#connection.query<Row>(sql, params)).rows;
  }

  async get<Row>(sql: string, params?: readonly SqlValue[]): Promise<Row | undefined> {
    return (await this.#connection.query<Row>(sql, params)).rows[0];
  }
}
