import type { ErrorBody } from "../../../http/errors.ts";
import { workerLogName } from "../../../serving/admin/worker-logs.ts";
import type { LivingWorker, WorkerExit } from "../../../serving/router/worker-host.ts";
import type { FromWorker, WorkerConfig } from "../../../serving/worker/config.ts";
import { Child } from "./child.ts";
import type { ChildExit, Command } from "./child.ts";
import type { RotatingLog } from "./rotating-log.ts";

export interface WorkerProcessOptions {
  command: Command;
  env: Readonly<Record<string, string>>;
  cwd: string;
  config: unknown;
  log(name: string): RotatingLog;
  onReady(workerId: string): void;
  /** One worker has left; the process lives on, or ends by itself when it was the last. */
  onLeft(worker: WorkerConfig, exit: WorkerExit): void;
  /** The process is over, and so are these. */
  onOver(ended: readonly Ended[]): void;
}

export interface Ended {
  worker: WorkerConfig;
  exit: WorkerExit;
}

interface Hosted {
  worker: WorkerConfig;
  isReady: boolean;
  error?: ErrorBody;
}

/** Takes what processes with several models write. */
const SHARED_LOG = "workers-shared";
const END_WITHIN_MS = 5_000;

/** A process that holds workers, or waits for the first with everything loaded that models have in common. */
export class WorkerProcess {
  readonly #options: WorkerProcessOptions;
  readonly #child: Child;
  readonly #hosted = new Map<string, Hosted>();
  #log: RotatingLog;

  /** @param first the only worker that it will hold; undefined: it makes itself ready for any ONNX model */
  constructor(options: WorkerProcessOptions, first?: WorkerConfig) {
    const { command, env, cwd, config } = options;
    this.#options = options;
    this.#log = options.log(first === undefined ? SHARED_LOG : workerLogName(first));
    if (first !== undefined) this.#hosted.set(first.id, { worker: first, isReady: false });
    this.#child = new Child({
      command,
      env,
      cwd,
      log: { write: (chunk) => this.#log.write(chunk) },
      start: { type: "start", config, ...(first === undefined ? {} : { worker: first }) },
      onMessage: (message) => this.#hear(message as unknown as FromWorker),
      onExit: (exit) => this.#onExit(exit),
    });
  }

  /** undefined when it couldn't be started. */
  get pid(): number | undefined {
    return this.#child.pid;
  }

  get isOver(): boolean {
    return this.#child.isOver;
  }

  /** Resident bytes that it may have; undefined: as many as it likes. */
  get memoryBytes(): number | undefined {
    const limits = [...this.#hosted.values()].flatMap(({ worker }) => worker.memoryBytes ?? []);
    return limits.length === 0 ? undefined : Math.max(...limits);
  }

  living(): LivingWorker[] {
    const { pid } = this.#child;
    if (pid === undefined) return [];
    return [...this.#hosted.values()].map(({ worker, isReady }) => ({ worker, pid, ready: isReady }));
  }

  host(worker: WorkerConfig): void {
    if (!worker.isShared) this.#log = this.#options.log(workerLogName(worker));
    this.#hosted.set(worker.id, { worker, isReady: false });
    this.#child.send({ type: "start", worker });
  }

  /** Lets one worker answer what it has; a process that doesn't let go of it in time is ended. */
  end(id: string): void {
    this.#child.send({ type: "end", id });
    setTimeout(() => {
      if (this.#hosted.has(id)) this.kill();
    }, END_WITHIN_MS).unref();
  }

  /** Lets all answer what they have. */
  stop(): void {
    this.#child.send({ type: "stop" });
  }

  /** Ends it at once, for something that the worker `id` did or didn't do. */
  killFor(id: string, why: string): void {
    const hosted = this.#hosted.get(id);
    if (hosted !== undefined) this.#note(hosted.worker, why);
    this.#child.kill();
  }

  kill(why?: ErrorBody): void {
    if (why !== undefined) this.#blame(why);
    this.#child.kill();
  }

  #blame(error: ErrorBody): void {
    for (const hosted of this.#hosted.values()) hosted.error = error;
  }

  #hear(message: FromWorker): void {
    if (message.type === "ready") {
      const hosted = this.#hosted.get(message.metadata.id);
      if (hosted === undefined) return;
      hosted.isReady = true;
      this.#options.onReady(message.metadata.id);
    } else if (message.type === "failed") this.#failed(message);
    else if (message.type === "over") this.#blame(message.error);
    else if (message.type === "ended") this.#left(message.id, { code: 0, signal: null });
  }

  #failed({ id, error }: Extract<FromWorker, { type: "failed" }>): void {
    const hosted = this.#hosted.get(id);
    if (hosted === undefined) return;
    hosted.error = error;
    // The last one's process ends with it, and says with which code.
    if (this.#hosted.size > 1) this.#left(id, { code: 1, signal: null });
    if (!hosted.worker.isShared) return;
    this.#note(hosted.worker, `${error.code}: ${error.message}. ${error.hint}`);
  }

  /** In the log of the variant itself: what a shared process writes is in another one. */
  #note(worker: WorkerConfig, line: string): void {
    const bytes = Buffer.from(`${line}\n`) as unknown as Uint8Array;
    this.#options.log(workerLogName(worker)).write(bytes);
  }

  #left(id: string, exit: ChildExit): void {
    const hosted = this.#hosted.get(id);
    if (hosted === undefined) return;
    this.#hosted.delete(id);
    this.#options.onLeft(hosted.worker, exitOf(hosted, exit));
  }

  #onExit(exit: ChildExit): void {
    const all = [...this.#hosted.values()];
    this.#hosted.clear();
    if (exit.signal !== null)
      for (const { worker } of all) this.#note(worker, `the worker ended: ${exit.signal}`);
    this.#options.onOver(all.map((hosted) => ({ worker: hosted.worker, exit: exitOf(hosted, exit) })));
  }
}

function exitOf({ worker, error }: Hosted, { code, signal }: ChildExit): WorkerExit {
  return { id: worker.id, code, signal, ...(error === undefined ? {} : { error }) };
}
