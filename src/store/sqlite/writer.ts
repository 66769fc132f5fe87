import { parentPort, workerData, type MessagePort } from "node:worker_threads";
import { SlipwayError, toSlipwayError } from "../../http/errors.ts";
import type { Command, SqlValue, Tx } from "../database.ts";
import { Connection } from "./connection.ts";
import { endsTheWriter } from "./failures.ts";
import { migrate } from "./migrate.ts";
import type { FromWriter, ToWriter, WriteReply, WriteRequest, WriterData } from "./protocol.ts";

/** Commands in one commit: bounds how long the first of them waits for the last. */
const GROUP = 512;

/** A command of any shape; the database hands it the arguments that its own type asks for. */
type AnyCommand = Command<never, unknown>;

/**
 * The body of the writer's thread: the one writer of the SQLite file. Commands that wait are taken together
 * into one transaction, each in a savepoint of its own, and acknowledged after the commit.
 */
export function runWriterThread(commands: readonly AnyCommand[]): void {
  if (!parentPort) throw new Error("the writer must run in a worker thread");
  const port = parentPort;
  const { file, migrations, now } = workerData as WriterData;
  let connection: Connection;
  try {
    connection = Connection.forWriting(file);
    migrate(connection, migrations, now);
  } catch (error) {
    send(port, { type: "refused", error: toSlipwayError(error).toJSON() });
    port.close();
    return;
  }
  new Writer(port, connection, commands).listen();
  send(port, { type: "ready" });
}

class Writer {
  readonly #port: MessagePort;
  readonly #connection: Connection;
  readonly #commands = new Map<string, AnyCommand>();
  #waiting: WriteRequest[] = [];
  #busy = false;
  #closing = false;
  #commits = 0;

  constructor(port: MessagePort, connection: Connection, commands: readonly AnyCommand[]) {
    this.#port = port;
    this.#connection = connection;
    for (const command of commands) {
      if (this.#commands.has(command.name)) throw new Error(`two commands are named ${command.name}`);
      this.#commands.set(command.name, command);
    }
  }

  listen(): void {
    this.#port.on("message", (message: ToWriter) => {
      if (message.type === "close") this.#closing = true;
      else for (const request of message.requests) this.#waiting.push(request);
      this.#wake();
    });
  }

  #wake(): void {
    if (this.#busy) return;
    this.#busy = true;
    // Not at once: every message that is already here is delivered first and joins the group.
    setImmediate(() => {
      this.#drain().catch((error: unknown) => {
        // Ends the thread; the other side rejects what is pending.
        setImmediate(() => {
          throw error;
        });
      });
    });
  }

  async #drain(): Promise<void> {
    if (this.#waiting.length > 0) {
      const group = this.#waiting.slice(0, GROUP);
      this.#waiting = this.#waiting.length > GROUP ? this.#waiting.slice(GROUP) : [];
      const { replies, fatal } = await this.#commitGroup(group);
      send(this.#port, { type: "done", replies, commits: this.#commits });
      if (fatal) throw fatal;
    }
    this.#busy = false;
    if (this.#waiting.length > 0) this.#wake();
    else if (this.#closing) {
      this.#connection.close();
      this.#port.close();
    }
  }

  async #commitGroup(group: WriteRequest[]): Promise<{ replies: WriteReply[]; fatal?: SlipwayError }> {
    const connection = this.#connection;
    const replies: WriteReply[] = [];
    try {
      connection.run("BEGIN IMMEDIATE");
      for (const request of group) {
        replies.push(await this.#execute(request));
        if (!connection.inTransaction) throw new SlipwayError("STORE_FAILED", "the transaction was undone");
      }
      connection.run("COMMIT");
      this.#commits++;
      return { replies };
    } catch (thrown) {
      const error = toSlipwayError(thrown);
      rollBack(connection);
      // A command's own error says more than the group's.
      const own = new Map(replies.map((reply) => [reply.id, reply]));
      const failed = group.map(({ id }): WriteReply => {
        const reply = own.get(id);
        return reply && !reply.ok ? reply : { id, ok: false, error: error.toJSON() };
      });
      return endsTheWriter(error) ? { replies: failed, fatal: error } : { replies: failed };
    }
  }

  async #execute(request: WriteRequest): Promise<WriteReply> {
    const { id, also } = request;
    const connection = this.#connection;
    connection.run("SAVEPOINT command");
    const tx = new WriterTx(connection);
    try {
      const result = await this.#command(request.name).run(tx, request.args as never);
      if (also) await this.#command(also.name).run(tx, also.args as never);
      connection.run("RELEASE command");
      return { id, ok: true, result };
    } catch (thrown) {
      const error = toSlipwayError(thrown);
      if (endsTheWriter(error)) throw error;
      if (connection.inTransaction) {
        connection.run("ROLLBACK TO command");
        connection.run("RELEASE command");
      }
      return { id, ok: false, error: error.toJSON() };
    } finally {
      tx.end();
    }
  }

  #command(name: string): AnyCommand {
    const command = this.#commands.get(name);
    if (command) return command;
    throw new SlipwayError("INTERNAL", `the writer doesn't know the command ${name}`);
  }
}

/** What a command sees. Refuses to work after the command has ended: a forgotten `await` must not leak into the next one. */
class WriterTx implements Tx {
  readonly dialect = "sqlite";
  #connection: Connection | undefined;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  end(): void {
    this.#connection = undefined;
  }

  async run(sql: string, params?: readonly SqlValue[]): Promise<{ changes: number }> {
    return this.#open().run(sql, params);
  }

  async all<Row>(sql: string, params?: readonly SqlValue[]): Promise<Row[]> {
    return this.#open().all(sql, params) as Row[];
  }

  async get<Row>(sql: string, params?: readonly SqlValue[]): Promise<Row | undefined> {
    return this.#open().all(sql, params)[0] as Row | undefined;
  }

  #open(): Connection {
    if (!this.#connection) throw new Error("the command has ended; await every statement inside it");
    return this.#connection;
  }
}

function rollBack(connection: Connection): void {
  if (!connection.inTransaction) return;
  try {
    connection.run("ROLLBACK");
  } catch {
    // SQLite may have rolled back by itself; the next BEGIN tells.
  }
}

function send(port: MessagePort, message: FromWriter): void {
  port.postMessage(message);
}
