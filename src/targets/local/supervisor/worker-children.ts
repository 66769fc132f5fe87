import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { ErrorBody } from "../../../http/errors.ts";
import { workerLogName } from "../../../serving/admin/worker-logs.ts";
import type { LivingWorker } from "../../../serving/router/worker-host.ts";
import type { WorkerArguments } from "../../../serving/worker-arguments.ts";
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

interface Worker {
  child: Child;
  arguments: WorkerArguments;
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
  readonly #workers = new Map<string, Worker>();
  readonly #memoryTimer: NodeJS.Timeout;

  constructor(options: WorkerChildrenOptions) {
    this.#options = options;
    this.#memoryTimer = setInterval(() => this.#checkMemory(), MEMORY_EVERY_MS);
    this.#memoryTimer.unref();
  }

  living(): LivingWorker[] {
    return [...this.#workers.values()].flatMap(({ child, arguments: args, ready }) =>
      child.pid === undefined ? [] : [{ arguments: args, pid: child.pid, ready }],
    );
  }

  get size(): number {
    return this.#workers.size;
  }

  spawn(args: WorkerArguments): void {
    const { command, env, cwd, config, log, tell, onChange } = this.#options;
    if (this.#workers.size >= MAX_WORKERS) {
      const signal = `not started: there are ${MAX_WORKERS} workers`;
      return tell({ type: "worker-exited", exit: { id: args.id, code: null, signal } });
    }
    const child = new Child({
      command,
      env,
      cwd,
      log: log(workerLogName(args)),
      start: { type: "start", config, worker: args },
      onMessage: (message) => this.#onMessage(args.id, message),
      onExit: (exit) => this.#onExit(args.id, exit),
    });
    this.#workers.set(args.id, { child, arguments: args, ready: false });
    onChange();
    if (child.pid !== undefined) tell({ type: "worker-spawned", id: args.id, pid: child.pid });
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
    const error = this.#workers.get(id)?.error;
    this.#workers.delete(id);
    this.#options.onChange();
    this.#options.tell({
      type: "worker-exited",
      exit: { id, code, signal, ...(error === undefined ? {} : { error }) },
    });
  }

  /** Workers look at their own memory; one that is busy inside a model can't, so it is looked at from here too. */
  #checkMemory(): void {
    for (const worker of this.#workers.values()) {
      const { child, arguments: args } = worker;
      const bytes = residentBytes(child.pid);
      if (bytes === undefined || bytes <= args.memoryBytes) continue;
      worker.error = {
        code: "MODEL_OUT_OF_MEMORY",
        message: `the worker used ${bytes} bytes of memory; ${args.memoryBytes} are allowed`,
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
