import { toSlipwayError } from "../http/errors.ts";
import type { FromWorker, ToWorker, WorkerConfig } from "../serving/worker/config.ts";
import { startWorker } from "../serving/worker/worker.ts";
import type { Worker } from "../serving/worker/worker.ts";

/** How long a worker lives with neither a supervisor nor a router: both may just be restarting. */
const ALONE_MS = 4_000;

/**
 * A process with one model. It outlives its supervisor for as long as a router is connected, so that predictions
 * go on while the rest is restarted.
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
  #worker: Worker | undefined;
  #starting = false;
  #stopping = false;
  #alone: NodeJS.Timeout | undefined;

  hear(message: ToWorker): void {
    if (message.type === "start") void this.#start(message.worker);
    else void this.stop();
  }

  /** Looks whether anybody still needs this process. */
  look(): void {
    const isNeeded = process.connected || (this.#worker?.connections ?? 0) > 0;
    if (isNeeded) {
      clearTimeout(this.#alone);
      this.#alone = undefined;
    } else if (this.#worker === undefined && !this.#starting) process.exit(0);
    else this.#alone ??= setTimeout(() => void this.stop(), ALONE_MS);
  }

  async #start(config: WorkerConfig): Promise<void> {
    if (this.#starting) return;
    this.#starting = true;
    process.title = `slipway worker ${config.service} ${config.version}`;
    try {
      this.#worker = await startWorker(config, {
        resident: () => process.memoryUsage.rss(),
        onOverMemory: (error) => void this.#fail(error),
        onConnections: () => this.look(),
      });
    } catch (error) {
      return this.#fail(error);
    }
    if (this.#stopping) return this.#end(0);
    await send({ type: "ready", metadata: this.#worker.metadata });
    return this.look();
  }

  async #fail(error: unknown): Promise<void> {
    const { code, message, hint } = toSlipwayError(error);
    process.stderr.write(`${code}: ${message}. ${hint}\n`);
    await send({ type: "failed", error: toSlipwayError(error).toJSON() });
    this.#stopping = true;
    await this.#end(1);
  }

  /** Answers what has come and exits; while the model is loading, when that is done. */
  async stop(): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    if (this.#worker !== undefined || !this.#starting) await this.#end(0);
  }

  async #end(code: number): Promise<void> {
    await this.#worker?.close();
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
