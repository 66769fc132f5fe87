import { setPriority } from "node:os";
import { toSlipwayError } from "../http/errors.ts";
import type { FromWorker, ToWorker, WorkerConfig } from "../serving/worker/config.ts";
import { startWorker, warmProcess } from "../serving/worker/worker.ts";
import type { Worker } from "../serving/worker/worker.ts";

/** How long a worker lives with neither a supervisor nor a router: both may just be restarting. */
const ALONE_MS = 4_000;

/**
 * A process with one model, or several small ones. It outlives its supervisor for as long as a router is connected, so
 * that predictions go on while the rest is restarted.
 */
export async function workerRole(): Promise<void> {
  // The other end of a pipe may be gone; that is no reason to stop serving.
  process.stdout.on("error", () => {});
  process.stderr.on("error", () => {});
  // Ctrl-C reaches every process of the terminal; when to end is for the supervisor to say.
  process.on("SIGINT", () => {});
  const life = new WorkerLife();
  process.on("message", (message: ToWorker) => life.hear(message));
  process.on("SIGTERM", () => void life.stop());
  process.on("disconnect", () => life.look());
  if (!process.connected) life.look();
}

class WorkerLife {
  readonly #workers = new Map<string, Worker>();
  /** Those that load, by id. */
  readonly #starting = new Map<string, WorkerConfig>();
  #stopping = false;
  #alone: NodeJS.Timeout | undefined;

  hear(message: ToWorker): void {
    if (message.type === "stop") void this.stop();
    else if (message.type === "end") void this.#end(message.id);
    else if (message.worker !== undefined) void this.#start(message.worker);
    else {
      process.title = "slipway worker (spare)";
      // A runtime that can't be loaded is an error of the first model that needs it.
      void warmProcess().catch(() => undefined);
    }
  }

  /** Looks whether anybody still needs this process. */
  look(): void {
    const isNeeded = process.connected || [...this.#workers.values()].some((own) => own.connections > 0);
    if (isNeeded) {
      clearTimeout(this.#alone);
      this.#alone = undefined;
    } else if (this.#isEmpty()) process.exit(0);
    else this.#alone ??= setTimeout(() => void this.stop(), ALONE_MS);
  }

  #isEmpty(): boolean {
    return this.#workers.size === 0 && this.#starting.size === 0;
  }

  async #start(config: WorkerConfig): Promise<void> {
    const { id } = config;
    if (this.#starting.has(id) || this.#workers.has(id)) return;
    this.#starting.set(id, config);
    this.#settle(config);
    let worker: Worker;
    try {
      worker = await startWorker(config, {
        resident: () => process.memoryUsage.rss(),
        onOverMemory: (error) => void this.#failAll(error),
        onModelDied: (error) => void this.#failAll(error),
        onConnections: () => this.look(),
        log: (text) => void process.stderr.write(text),
      });
    } catch (error) {
      return this.#fail(id, error);
    }
    const isWanted = this.#starting.delete(id);
    this.#workers.set(id, worker);
    if (!isWanted) return this.#end(id);
    if (this.#stopping) return this.#exit(0);
    await send({ type: "ready", metadata: worker.metadata });
    return this.look();
  }

  /** The process's name and weight are those of what it holds. */
  #settle({ service, version, isShared, nice = 0 }: WorkerConfig): void {
    process.title = isShared ? "slipway worker (shared)" : `slipway worker ${service} ${version}`;
    if (nice > 0) setPriority(nice);
  }

  async #fail(id: string, error: unknown): Promise<void> {
    const { code, message, hint } = toSlipwayError(error);
    process.stderr.write(`${code}: ${message}. ${hint}\n`);
    this.#starting.delete(id);
    await send({ type: "failed", id, error: toSlipwayError(error).toJSON() });
    if (this.#isEmpty()) await this.#exit(1);
    else if (this.#stopping && this.#starting.size === 0) await this.#exit(0);
  }

  /** The process has too much: nobody can say which of its models took it. */
  async #failAll(error: unknown): Promise<void> {
    const { code, message, hint } = toSlipwayError(error);
    process.stderr.write(`${code}: ${message}. ${hint}\n`);
    this.#stopping = true;
    await send({ type: "over", error: toSlipwayError(error).toJSON() });
    await this.#exit(1);
  }

  /** Lets one worker answer what it has; the process goes with its last. */
  async #end(id: string): Promise<void> {
    const worker = this.#workers.get(id);
    if (worker === undefined) return void this.#starting.delete(id);
    this.#workers.delete(id);
    await worker.close();
    await send({ type: "ended", id });
    if (this.#isEmpty()) await this.#exit(0);
  }

  /** Answers what has come and exits; while a model is loading, when that is done. */
  async stop(): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    if (this.#starting.size === 0) await this.#exit(0);
  }

  async #exit(code: number): Promise<void> {
    await Promise.all([...this.#workers.values()].map((worker) => worker.close()));
    process.exit(code);
  }
}

/** Resolves when the message has left, or nobody is there to hear it. */
function send(message: FromWorker): Promise<void> {
  return new Promise((resolve) => {
    if (!process.connected || process.send === undefined) return resolve();
    process.send(message, undefined, undefined, () => resolve());
  });
}
