import { SlipwayError } from "../../http/errors.ts";
import type { Connection } from "./connection.ts";

export interface PoolOptions {
  open: () => Promise<Connection>;
  /** Milliseconds of a clock that never goes back. */
  ticks: () => number;
  connections: number;
  /** Callers that may wait for one. */
  waiting: number;
  /** The longest wait, in milliseconds. */
  waitMs: number;
}

/** How long a connection is kept that nobody uses, and at all: server and network forget what is too old. */
const IDLE_MS = 60_000;
const LIFETIME_MS = 30 * 60_000;

interface Waiting {
  resolve: (connection: Connection) => void;
  reject: (error: SlipwayError) => void;
  timer: NodeJS.Timeout;
}

interface Idle {
  connection: Connection;
  since: number;
}

/** Connections that are opened when needed, used by one caller at a time, and awaited in a bounded line. */
export class Pool {
  readonly #options: PoolOptions;
  /** The one used last is taken first, so that the others grow old. */
  readonly #idle: Idle[] = [];
  readonly #line: Waiting[] = [];
  readonly #sweep: NodeJS.Timeout;
  #open = 0;
  #closed = false;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#sweep = setInterval(() => this.#endOld(), IDLE_MS / 2).unref();
  }

  /** UNAVAILABLE when none is free in time or none can be had. */
  async use<Result>(work: (connection: Connection) => Promise<Result>): Promise<Result> {
    const connection = await this.#take();
    try {
      return await work(connection);
    } finally {
      this.#give(connection);
    }
  }

  /** Waits for nobody: those in the line are turned away, connections in use end when they are given back. */
  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#sweep);
    for (const waiting of this.#line.splice(0)) {
      clearTimeout(waiting.timer);
      waiting.reject(new SlipwayError("UNAVAILABLE", "the database is closed"));
    }
    await Promise.all(this.#idle.splice(0).map(({ connection }) => this.#end(connection)));
  }

  async #take(): Promise<Connection> {
    if (this.#closed) throw new SlipwayError("UNAVAILABLE", "the database is closed");
    for (;;) {
      const idle = this.#idle.pop();
      if (!idle) break;
      if (this.#isUsable(idle.connection)) return idle.connection;
      void this.#end(idle.connection);
    }
    const { connections, waiting, waitMs } = this.#options;
    if (this.#open < connections) return this.#connect();
    if (this.#line.length >= waiting) throw new SlipwayError("UNAVAILABLE", "too many queries wait");
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#line.splice(this.#line.indexOf(entry), 1);
        reject(new SlipwayError("UNAVAILABLE", "no connection to the database became free in time"));
      }, waitMs);
      const entry: Waiting = { resolve, reject, timer };
      this.#line.push(entry);
    });
  }

  async #connect(): Promise<Connection> {
    this.#open++;
    try {
      return await this.#options.open();
    } catch (error) {
      this.#open--;
      this.#serveLine();
      throw error;
    }
  }

  #give(connection: Connection): void {
    const next = this.#closed || !this.#isUsable(connection) ? undefined : this.#line.shift();
    if (next) {
      clearTimeout(next.timer);
      next.resolve(connection);
    } else if (this.#closed || !this.#isUsable(connection)) {
      void this.#end(connection);
      this.#serveLine();
    } else {
      this.#idle.push({ connection, since: this.#options.ticks() });
    }
  }

  /** A place has become free without a connection: the next in the line gets a new one. */
  #serveLine(): void {
    const next = this.#closed || this.#open >= this.#options.connections ? undefined : this.#line.shift();
    if (!next) return;
    clearTimeout(next.timer);
    this.#connect().then(next.resolve, next.reject);
  }

  #isUsable(connection: Connection): boolean {
    return !connection.isLost && this.#options.ticks() - connection.openedAt < LIFETIME_MS;
  }

  #endOld(): void {
    const now = this.#options.ticks();
    const old = this.#idle.filter((idle) => idle.connection.isLost || now - idle.since > IDLE_MS);
    for (const idle of old) {
      this.#idle.splice(this.#idle.indexOf(idle), 1);
      void this.#end(idle.connection);
    }
  }

  #end(connection: Connection): Promise<void> {
    this.#open--;
    return connection.end();
  }
}
