import { dueTimes } from "./arrivals.ts";
import type { Arrivals } from "./arrivals.ts";
import { Connection } from "./connection.ts";
import type { LoadTarget } from "./connection.ts";
import { Numbers } from "./numbers.ts";

export interface OpenLoopOptions {
  target: LoadTarget;
  /** A whole HTTP/1.1 request, sent again and again. */
  request: Buffer;
  /** Requests a second. */
  rate: number;
  arrivals: Arrivals;
  /** That is measured. */
  seconds: number;
  /** Before that, at the same rate: connections open, caches and compilers warm up. */
  warmUpSeconds: number;
  /** At most so many; requests beyond wait, and their latency goes on. */
  connections: number;
  /** Requests that may wait for a connection; beyond it they are dropped, and counted. */
  maxWaiting: number;
  /** A request without an answer after so long is given up. */
  timeoutMs: number;
  /** In [0, 1). */
  random(): number;
  /** Ends it early; what was measured until then is answered. */
  signal?: AbortSignal;
  /** The measured part begins (true), and ends (false). */
  onMeasuring?(isMeasuring: boolean): void;
}

/** What became of the requests that were due in the measured part. */
export interface OpenLoopResult {
  /** Requests that were due. */
  due: number;
  /** Of them by HTTP status. */
  statuses: Map<number, number>;
  /** Of those with status 200 to 299, by the version that answered ("" when the server doesn't say). */
  variants: Map<string, number>;
  /** Of them without an answer, by reason. */
  failures: Map<string, number>;
  /** Not sent: too many waited for a connection already. */
  dropped: number;
  /** Sent later because every connection was busy. */
  waited: number;
  /** Milliseconds from when each was due to its answer, of those with status 200 to 299; rising. */
  latencies: Float64Array;
  /** Milliseconds by which the client itself was late to look at each; rising. */
  lags: Float64Array;
  /** Seconds that were measured. */
  seconds: number;
  /** Of the client, while it measured: processor seconds. */
  cpuSeconds: number;
}

const TICK_MS = 1;
const SWEEP_EVERY = 100;

/**
 * Sends requests when they are due, whether or not earlier ones are answered, and counts each one's latency from when it
 * was due. A server that stalls can't hide it by being asked less (coordinated omission), nor a client that is late.
 */
export async function openLoop(options: OpenLoopOptions): Promise<OpenLoopResult> {
  const loop = new OpenLoop(options);
  try {
    return await loop.run();
  } finally {
    loop.close();
  }
}

interface Waiting {
  due: number;
  isMeasured: boolean;
}

class OpenLoop {
  readonly #options: OpenLoopOptions;
  readonly #all = new Set<Connection>();
  readonly #idle: Connection[] = [];
  #waiting: Waiting[] = [];
  /** Of the oldest that waits: shifting an array of thousands moves them all. */
  #head = 0;
  /** Measured ones that have neither an answer nor a failure. */
  #open = 0;
  #due = 0;
  #dropped = 0;
  #waited = 0;
  readonly #statuses = new Map<number, number>();
  readonly #variants = new Map<string, number>();
  readonly #failures = new Map<string, number>();
  readonly #latencies = new Numbers();
  readonly #lags = new Numbers();

  constructor(options: OpenLoopOptions) {
    this.#options = options;
  }

  async run(): Promise<OpenLoopResult> {
    const { warmUpSeconds, seconds, onMeasuring } = this.#options;
    if (warmUpSeconds > 0) await this.#play(warmUpSeconds * 1_000, false);
    const cpuBefore = process.cpuUsage();
    onMeasuring?.(true);
    const measuredMs = await this.#play(seconds * 1_000, true);
    onMeasuring?.(false);
    const { user, system } = process.cpuUsage(cpuBefore);
    await this.#drain();
    return {
      due: this.#due,
      statuses: this.#statuses,
      variants: this.#variants,
      failures: this.#failures,
      dropped: this.#dropped,
      waited: this.#waited,
      latencies: this.#latencies.sorted(),
      lags: this.#lags.sorted(),
      seconds: measuredMs / 1_000,
      cpuSeconds: (user + system) / 1e6,
    };
  }

  close(): void {
    for (const connection of this.#all) connection.close("the load has ended");
  }

  /** Sends what is due in so many milliseconds; answers how long it was at it, which is less when it is ended early. */
  #play(forMs: number, isMeasured: boolean): Promise<number> {
    const { rate, arrivals, random, signal } = this.#options;
    const from = performance.now();
    const times = dueTimes(rate, arrivals, random);
    let next = times.next().value;
    let ticks = 0;
    return new Promise((resolve) => {
      const timer = setInterval(() => {
        const now = performance.now();
        const until = Math.min(now - from, forMs);
        for (; next <= until && next < forMs; next = times.next().value)
          this.#take(from + next, now, isMeasured);
        if (++ticks % SWEEP_EVERY === 0) this.#sweep(now);
        if (now - from < forMs && signal?.aborted !== true) return;
        clearInterval(timer);
        resolve(Math.min(now - from, forMs));
      }, TICK_MS);
    });
  }

  #take(due: number, now: number, isMeasured: boolean): void {
    if (isMeasured) {
      this.#due += 1;
      this.#lags.add(now - due);
    }
    const connection = this.#free();
    if (connection !== undefined) return this.#send(connection, { due, isMeasured });
    if (this.#waiting.length - this.#head >= this.#options.maxWaiting) {
      if (isMeasured) this.#dropped += 1;
      return undefined;
    }
    if (isMeasured) {
      this.#waited += 1;
      this.#open += 1;
    }
    this.#waiting.push({ due, isMeasured });
    return undefined;
  }

  /** One that is idle, or a new one while there may be more. */
  #free(): Connection | undefined {
    for (let idle = this.#idle.pop(); idle !== undefined; idle = this.#idle.pop())
      if (idle.isOpen) return idle;
    if (this.#all.size >= this.#options.connections) return undefined;
    const made = new Connection(this.#options.target, {
      answered: (connection, { status, variant = "" }) => {
        if (this.#settle(connection, performance.now(), status)) count(this.#statuses, status);
        if (connection.isMeasured && isGood(status)) count(this.#variants, variant);
        this.#next(connection);
      },
      closed: (connection, reason) => {
        this.#all.delete(connection);
        if (this.#settle(connection, undefined, 0)) count(this.#failures, reason);
        if (this.#head < this.#waiting.length) this.#next(this.#free());
      },
    });
    this.#all.add(made);
    return made;
  }

  #send(connection: Connection, { due, isMeasured }: Waiting, wasWaiting = false): void {
    if (isMeasured && !wasWaiting) this.#open += 1;
    connection.send(this.#options.request, due, isMeasured);
  }

  /** Its request is over; true when it counts. */
  #settle(connection: Connection, now: number | undefined, status: number): boolean {
    const { due, isMeasured } = connection;
    connection.due = undefined;
    if (due === undefined || !isMeasured) return false;
    this.#open -= 1;
    if (now !== undefined && isGood(status)) this.#latencies.add(now - due);
    return true;
  }

  /** The oldest that waits goes on this connection, or it is idle. */
  #next(connection: Connection | undefined): void {
    if (connection?.isOpen !== true) return;
    const oldest = this.#waiting[this.#head];
    if (oldest === undefined) return void this.#idle.push(connection);
    this.#head += 1;
    if (this.#head > 1_024 && this.#head * 2 > this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#head);
      this.#head = 0;
    }
    this.#send(connection, oldest, true);
  }

  /** Gives up what has waited too long, on a connection or for one. */
  #sweep(now: number): void {
    const { timeoutMs } = this.#options;
    for (const connection of this.#all)
      if (connection.due !== undefined && now - connection.due > timeoutMs) connection.close("timeout");
    for (let oldest = this.#waiting[this.#head]; oldest !== undefined; oldest = this.#waiting[this.#head]) {
      if (now - oldest.due <= timeoutMs) break;
      this.#head += 1;
      if (!oldest.isMeasured) continue;
      this.#open -= 1;
      count(this.#failures, "timeout");
    }
  }

  /** Waits for the answers of what was sent; nothing waits longer than its own timeout. */
  async #drain(): Promise<void> {
    const isOver = () => this.#open === 0 || this.#options.signal?.aborted === true;
    while (!isOver()) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      this.#sweep(performance.now());
    }
    if (this.#open > 0) this.#failures.set("unanswered when it was ended", this.#open);
  }
}

function isGood(status: number): boolean {
  return status >= 200 && status < 300;
}

function count<Key>(counts: Map<Key, number>, key: Key): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
