import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { ErrorBody } from "../../../http/errors.ts";
import { workerLogName } from "../../../serving/admin/worker-logs.ts";
import type { LivingWorker } from "../../../serving/router/worker-host.ts";
import type { WorkerConfig } from "../../../serving/worker/config.ts";
import { Child } from "./child.ts";
import type { ChildExit, Command } from "./child.ts";
import type { FromChild, ToChildLater } from "./messages.ts";
import type { RotatingLog } from "./rotating-log.ts";

export interface WorkerChildrenOptions {
  command: Command;
  env: Readonly<Record<string, string>>;
  cwd: string;
  config: unknown;
  log(name: string): RotatingLog;
  /** Tells serve; dropped while serve is away, which asks for what lives when it is back. */
  tell(message: ToChildLater): void;
  onChange(): void;
}

interface Entry {
  child: Child;
  worker: WorkerConfig;
  ready: boolean;
  error?: ErrorBody;
}

const END_WITHIN_MS = 5_000;
const MEMORY_EVERY_MS = 1_000;
/** More than serve would ever ask for; a defect there must not fill the machine. */
const MAX_WORKERS = 256;

/** The worker processes: children of the supervisor, so that they outlive serve; asked for by serve. */
export class WorkerChildren {
  readonly #options: WorkerChildrenOptions;
  readonly #workers = new Map<string, Entry>();
  readonly #memoryTimer: NodeJS.Timeout;

  constructor(options: WorkerChildrenOptions) {
    this.#options = options;
    this.#memoryTimer = setInterval(() => this.#checkMemory(), MEMORY_EVERY_MS);
    this.#memoryTimer.unref();
  }

  living(): LivingWorker[] {
    return [...this.#workers.values()].flatMap(({ child, worker, ready }) =>
      child.pid === undefined ? [] : [{ worker, pid: child.pid, ready }],
    );
  }

  get size(): number {
    return this.#workers.size;
  }

  spawn(worker: WorkerConfig): void {
    const { command, env, cwd, config, log, tell, onChange } = this.#options;
    if (this.#workers.size >= MAX_WORKERS) {
      const signal = `not started: there are ${MAX_WORKERS} workers`;
      return tell({ type: "worker-exited", exit: { id: worker.id, code: null, signal } });
    }
    const child = new Child({
      command,
      env,
      cwd,
      log: log(workerLogName(worker)),
      start: { type: "start", config, worker },
      onMessage: (message) => this.#onMessage(worker.id, message),
      onExit: (exit) => this.#onExit(worker.id, exit),
    });
    this.#workers.set(worker.id, { child, worker, ready: false });
    onChange();
    if (child.pid !== undefined) tell({ type: "worker-spawned", id: worker.id, pid: child.pid });
    return undefined;
  }

  end(id: string, how: "drain" | "kill"): void {
    const child = this.#workers.get(id)?.child;
    if (child === undefined) return;
    if (how === "kill") return child.kill();
    child.send({ type: "stop" });
    setTimeout(() => child.kill(), END_WITHIN_MS).unref();
    return undefined;
  }

  stopAll(): void {
    clearInterval(this.#memoryTimer);
    for (const { child } of this.#workers.values()) child.send({ type: "stop" });
  }

  killAll(): void {
    for (const { child } of this.#workers.values()) child.kill();
  }

  #onMessage(id: string, message: FromChild): void {
    const worker = this.#workers.get(id);
    if (worker === undefined) return;
    if (message.type === "failed") worker.error = message.error;
    if (message.type !== "ready") return;
    worker.ready = true;
    this.#options.tell({ type: "worker-ready", id });
  }

  #onExit(id: string, { code, signal }: ChildExit): void {
    const ended = this.#workers.get(id);
    const error = ended?.error;
    this.#workers.delete(id);
    if (ended !== undefined) rmSync(ended.worker.socketPath, { force: true });
    this.#options.onChange();
    this.#options.tell({
      type: "worker-exited",
      exit: { id, code, signal, ...(error === undefined ? {} : { error }) },
    });
  }

  /** Workers look at their own memory; one that is busy inside a model can't, so it is looked at from here too. */
  #checkMemory(): void {
    for (const entry of this.#workers.values()) {
      const { child, worker } = entry;
      const limit = worker.memoryBytes ?? Infinity;
      const bytes = limit === Infinity ? undefined : residentBytes(child.pid);
      if (bytes === undefined || bytes <= limit) continue;
      entry.error = {
        code: "MODEL_OUT_OF_MEMORY",
        message: `the worker used ${bytes} bytes of memory; ${limit} are allowed`,
        hint: "Raise the memory of a worker, or serve a smaller model.",
      };
      child.kill();
    }
  }
}

/** Resident memory of a process; undefined where there is no /proc. */
function residentBytes(pid: number | undefined): number | undefined {
  try {
    const found = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(join("/proc", String(pid), "status"), "utf8"));
    return found ? Number(found[1]) * 1024 : undefined;
  } catch {
    return undefined;
  }
}
