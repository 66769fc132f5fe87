import { serialize } from "node:v8";
import type { Clock } from "../../base/clock.ts";
import { SlipwayError, toSlipwayError } from "../../http/errors.ts";
import type { Beside, Command } from "../database.ts";
import type { Fence } from "../leader.ts";
import { maySucceedAgain } from "./failures.ts";
import type { Locks } from "./locks.ts";
import type { Pool } from "./pool.ts";
import { Queue, type Group } from "./queue.ts";
import { InDoubt, runGroup, type AnyCommand, type Outcome, type Write } from "./transaction.ts";

export interface WriterOptions {
  pool: Pool;
  locks: Locks;
  clock: Clock;
  /** Transactions at a time. */
  lanes: number;
  /** Writes that may wait or be under way; over it UNAVAILABLE. */
  limit: { count: number; bytes: number };
  /** Of the leader of several processes. */
  fence?: Fence | undefined;
}

interface Pending extends Write {
  /** Of its arguments. */
  bytes: number;
  resolve: (result: unknown) => void;
  reject: (error: SlipwayError) => void;
}

/** Commands in one transaction: PostgreSQL keeps so many savepoints at hand, more slow every other session down. */
const GROUP = 60;
/** How often a group is run that meets other transactions. */
const ATTEMPTS = 6;
const PAUSE_MS = 10;
/** How long the fate of a transaction is asked for whose COMMIT was never answered. */
const DOUBT_MS = 8_000;
const DOUBT_PAUSE_MS = 100;

/** Takes writes, runs them in groups over its connections, and acknowledges them once they are committed. */
export class Writer {
  readonly #options: WriterOptions;
  readonly #queue: Queue<Pending>;
  #pending = 0;
  #bytes = 0;
  #isAwake = false;
  #closing = false;
  #whenIdle: (() => void) | undefined;
  #acknowledged = 0;
  #commits = 0;

  constructor(options: WriterOptions) {
    this.#options = options;
    this.#queue = new Queue(options.lanes, GROUP);
  }

  async write<Args, Result>(command: Command<Args, Result>, args: Args, also?: Beside): Promise<Result> {
    if (this.#closing) throw new SlipwayError("UNAVAILABLE", "the database is closing");
    const own = serialized(args);
    const second = also && { command: also.command, args: serialized(also.args) };
    const bytes = own.length + (second?.args.length ?? 0);
    const { count, bytes: most } = this.#options.limit;
    if (this.#pending >= count || this.#bytes + bytes > most)
      throw new SlipwayError("UNAVAILABLE", "too many writes wait for the database");
    return new Promise<Result>((resolve, reject) => {
      this.#pending++;
      this.#bytes += bytes;
      this.#queue.add({
        command: command as AnyCommand,
        scope: command.scope?.(args),
        args: own,
        also: second,
        bytes,
        resolve: resolve as (result: unknown) => void,
        reject,
      });
      this.#wake();
    });
  }

  stats(): { acknowledged: number; commits: number } {
    return { acknowledged: this.#acknowledged, commits: this.#commits };
  }

  /** Takes no more writes, and resolves when those that wait have been answered. */
  async close(): Promise<void> {
    this.#closing = true;
    if (!this.#queue.isIdle) await new Promise<void>((resolve) => (this.#whenIdle = resolve));
  }

  /** Not at once: the writes of everything that this turn of the event loop brought join the group. */
  #wake(): void {
    if (this.#isAwake) return;
    this.#isAwake = true;
    setImmediate(() => {
      this.#isAwake = false;
      this.#start();
    });
  }

  #start(): void {
    for (let group = this.#queue.next(); group; group = this.#queue.next()) void this.#run(group);
    if (this.#queue.isIdle) this.#whenIdle?.();
  }

  async #run(group: Group<Pending>): Promise<void> {
    let outcomes: Outcome[];
    try {
      outcomes = await this.#commit(group);
      this.#commits++;
    } catch (thrown) {
      const error = toSlipwayError(thrown);
      outcomes = group.writes.map(() => ({ ok: false, error }));
    }
    for (const [index, outcome] of outcomes.entries()) this.#settle(group.writes[index] as Pending, outcome);
    this.#queue.done(group, group.writes.slice(outcomes.length));
    this.#start();
  }

  /** Answers the outcomes of the writes that were reached, once they are durable. */
  async #commit(group: Group<Pending>): Promise<Outcome[]> {
    const { pool, locks, clock, fence } = this.#options;
    const ticks = (): number => clock.ticks?.() ?? clock.now();
    for (let attempt = 1; ; attempt++) {
      try {
        return await pool.use((connection) => runGroup(connection, group, { locks, ticks, fence }));
      } catch (error) {
        if (error instanceof InDoubt) {
          if (await this.#wasCommitted(error)) return error.outcomes;
          throw new SlipwayError("UNAVAILABLE", "the database: the connection was lost before the commit", {
            cause: error,
          });
        }
        const again = error instanceof SlipwayError && maySucceedAgain(error);
        if (!again || attempt === ATTEMPTS) throw error;
      }
      await clock.sleep(PAUSE_MS * attempt);
    }
  }

  /** Asks until the server knows. Nothing is run a second time meanwhile: it may well be there. */
  async #wasCommitted(doubt: InDoubt): Promise<boolean> {
    const { pool, clock } = this.#options;
    const ticks = (): number => clock.ticks?.() ?? clock.now();
    const sql = "SELECT pg_xact_status(CAST(? AS xid8)) AS status";
    for (const from = ticks(); ticks() - from < DOUBT_MS; await clock.sleep(DOUBT_PAUSE_MS)) {
      const answer = await pool
        .use((connection) => connection.query<{ status: string | null }>(sql, [doubt.xid]))
        .catch(() => undefined);
      const status = answer?.rows[0]?.status;
      if (status === "committed") return true;
      if (status === "aborted") return false;
    }
    throw new SlipwayError("UNAVAILABLE", "the database: it isn't known whether this was written", {
      cause: doubt,
      hint: "Look whether it is there before you send it again.",
    });
  }

  #settle(write: Pending, outcome: Outcome): void {
    this.#pending--;
    this.#bytes -= write.bytes;
    if (outcome.ok) {
      this.#acknowledged++;
      write.resolve(outcome.result);
    } else {
      write.reject(outcome.error);
    }
  }
}

function serialized(args: unknown): Uint8Array {
  const { buffer, byteOffset, length } = serialize(args);
  return new Uint8Array(buffer, byteOffset, length);
}
