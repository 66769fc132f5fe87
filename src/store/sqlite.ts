import { Worker } from "node:worker_threads";
import type { Clock } from "../base/clock.ts";
import { SlipwayError, toSlipwayError } from "../http/errors.ts";
import type { Beside, Command, Database, Migration, ReadTx } from "./database.ts";
import type { FromWriter, ToWriter, WriteReply, WriteRequest, WriterData } from "./sqlite/protocol.ts";
import { Readers } from "./sqlite/readers.ts";
import { sizeOf } from "./sqlite/size.ts";

export interface SqliteOptions {
  /** The database's file; its folder must exist. */
  file: string;
  /** A bundled module that calls runWriterThread. */
  writerFile: string;
  migrations: readonly Migration[];
  clock: Clock;
  /** The writer's thread has died: nothing can be written any more and the process should end. Called once. */
  onFatal?: (error: SlipwayError) => void;
  /** Writes that may wait or be under way; over it UNAVAILABLE. Defaults: 10,000 commands, 64 MiB of arguments. */
  queue?: { count: number; bytes: number };
}

export interface SqliteDatabase extends Database {
  /** Acknowledged commands, and the commits that carried them. */
  stats(): { acknowledged: number; commits: number };
}

interface Pending {
  bytes: number;
  resolve: (result: unknown) => void;
  reject: (error: SlipwayError) => void;
}

/**
 * Opens or makes the database, brings its schema up to date and starts the writer's thread.
 * STORE_CORRUPT, STORE_NEWER, STORE_FOREIGN, STORE_FULL and STORE_FAILED say why it can't.
 */
export async function openSqlite(options: SqliteOptions): Promise<SqliteDatabase> {
  const workerData: WriterData = {
    file: options.file,
    migrations: options.migrations,
    now: options.clock.now(),
  };
  const worker = new Worker(options.writerFile, { workerData, name: "slipway-writer" });
  await started(worker);
  try {
    return new Sqlite(worker, new Readers(options.file), options);
  } catch (error) {
    await worker.terminate();
    throw error;
  }
}

function started(worker: Worker): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (error: Error): void => reject(toSlipwayError(error));
    const onExit = (): void => reject(new SlipwayError("STORE_FAILED", "the writer's thread didn't start"));
    worker.once("message", (message: FromWriter) => {
      worker.off("error", onError);
      worker.off("exit", onExit);
      if (message.type === "refused") reject(SlipwayError.fromJSON(message.error));
      else resolve();
    });
    worker.once("error", onError);
    worker.once("exit", onExit);
  });
}

class Sqlite implements SqliteDatabase {
  readonly #worker: Worker;
  readonly #readers: Readers;
  readonly #limit: { count: number; bytes: number };
  readonly #onFatal: (error: SlipwayError) => void;
  readonly #pending = new Map<number, Pending>();
  readonly #exited: Promise<void>;
  #outgoing: WriteRequest[] = [];
  #bytes = 0;
  #nextId = 1;
  #acknowledged = 0;
  #commits = 0;
  #closing: Promise<void> | undefined;
  #whenIdle: (() => void) | undefined;
  #dead: SlipwayError | undefined;

  constructor(worker: Worker, readers: Readers, options: SqliteOptions) {
    this.#worker = worker;
    this.#readers = readers;
    this.#limit = options.queue ?? { count: 10_000, bytes: 64 * 1024 * 1024 };
    this.#onFatal = options.onFatal ?? (() => {});
    worker.on("message", (message: FromWriter) => this.#hear(message));
    worker.on("error", (error) => this.#die(toSlipwayError(error)));
    this.#exited = new Promise((resolve) => {
      worker.once("exit", (code) => {
        if (!this.#closing || this.#pending.size > 0) {
          this.#die(new SlipwayError("STORE_FAILED", `the writer's thread ended with code ${code}`));
        }
        resolve();
      });
    });
  }

  async write<Args, Result>(command: Command<Args, Result>, args: Args, also?: Beside): Promise<Result> {
    if (this.#dead) throw this.#dead;
    if (this.#closing) throw new SlipwayError("UNAVAILABLE", "the database is closing");
    const second = also && { name: also.command.name, args: also.args };
    const bytes = sizeOf(args) + sizeOf(second);
    const { count, bytes: maxBytes } = this.#limit;
    if (this.#pending.size >= count || this.#bytes + bytes > maxBytes) {
      throw new SlipwayError("UNAVAILABLE", "too many writes wait for the database");
    }
    return new Promise<Result>((resolve, reject) => {
      const id = this.#nextId++;
      this.#pending.set(id, {
        bytes,
        resolve: resolve as (result: unknown) => void,
        reject,
      });
      this.#bytes += bytes;
      this.#enqueue({ id, name: command.name, args, ...(second ? { also: second } : {}) });
    });
  }

  read<Result>(query: (tx: ReadTx) => Promise<Result>): Promise<Result> {
    return this.#readers.read(query);
  }

  stats(): { acknowledged: number; commits: number } {
    return { acknowledged: this.#acknowledged, commits: this.#commits };
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    if (this.#pending.size > 0) await new Promise<void>((resolve) => (this.#whenIdle = resolve));
    this.#readers.close();
    if (!this.#dead) this.#worker.postMessage({ type: "close" } satisfies ToWriter, []);
    await this.#exited;
  }

  /** Writes of one turn of the event loop travel in one message. */
  #enqueue(request: WriteRequest): void {
    this.#outgoing.push(request);
    if (this.#outgoing.length > 1) return;
    queueMicrotask(() => {
      const requests = this.#outgoing;
      this.#outgoing = [];
      try {
        this.#post(requests);
      } catch {
        // One of them can't be copied to the other thread; that is no fault of the others.
        for (const request of requests) this.#postAlone(request);
      }
    });
  }

  #post(requests: WriteRequest[]): void {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    this.#worker.postMessage({ type: "write", requests } satisfies ToWriter);
  }

  #postAlone(request: WriteRequest): void {
    try {
      this.#post([request]);
    } catch (error) {
      this.#settle({ id: request.id, ok: false, error: toSlipwayError(error).toJSON() });
      if (this.#pending.size === 0) this.#whenIdle?.();
    }
  }

  #hear(message: FromWriter): void {
    if (message.type !== "done") return;
    this.#commits = message.commits;
    for (const reply of message.replies) this.#settle(reply);
    if (this.#pending.size === 0) this.#whenIdle?.();
  }

  #settle(reply: WriteReply): void {
    const pending = this.#pending.get(reply.id);
    if (!pending) return;
    this.#pending.delete(reply.id);
    this.#bytes -= pending.bytes;
    if (reply.ok) {
      this.#acknowledged++;
      pending.resolve(reply.result);
    } else {
      pending.reject(SlipwayError.fromJSON(reply.error));
    }
  }

  #die(cause: SlipwayError): void {
    if (this.#dead) return;
    const error =
      cause.code === "STORE_CORRUPT" ? cause : new SlipwayError("STORE_FAILED", cause.message, { cause });
    this.#dead = error;
    for (const pending of this.#pending.values()) pending.reject(error);
    this.#pending.clear();
    this.#bytes = 0;
    this.#whenIdle?.();
    this.#onFatal(error);
  }
}
