import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { LivingWorker, WorkerExit } from "../../../serving/router/worker-host.ts";
import type { WorkerConfig } from "../../../serving/worker/config.ts";
import type { Command } from "./child.ts";
import type { ToChildLater } from "./messages.ts";
import type { RotatingLog } from "./rotating-log.ts";
import type { Ended } from "./worker-process.ts";
import { WorkerProcess } from "./worker-process.ts";

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

const MEMORY_EVERY_MS = 1_000;
/** More than serve would ever ask for; a defect there must not fill the machine. */
const MAX_PROCESSES = 256;
/** So long nothing was asked for before a process is made ready for the next: loading comes first. */
const SPARE_AFTER_MS = 500;

/**
 * The worker processes: children of the supervisor, so that they outlive serve; asked for by serve. From the first
 * worker on, one more waits with the runtime loaded, because that takes longer than loading a small model.
 */
export class WorkerChildren {
  readonly #options: WorkerChildrenOptions;
  readonly #processes = new Map<string, WorkerProcess>();
  /** Process of each worker. */
  readonly #homes = new Map<string, WorkerProcess>();
  readonly #memoryTimer: NodeJS.Timeout;
  #spare: WorkerProcess | undefined;
  #spareTimer: NodeJS.Timeout | undefined;
  #isStopping = false;

  constructor(options: WorkerChildrenOptions) {
    this.#options = options;
    this.#memoryTimer = setInterval(() => this.#checkMemory(), MEMORY_EVERY_MS);
    this.#memoryTimer.unref();
  }

  living(): LivingWorker[] {
    return [...this.#processes.values()].flatMap((own) => own.living());
  }

  /** Of every process, the waiting one too. */
  pids(): { name: string; pid: number }[] {
    const own = [...this.#processes].map(([name, { pid }]) => ({ name: `worker ${name}`, pid }));
    const all = this.#spare === undefined ? own : [...own, { name: "spare worker", pid: this.#spare.pid }];
    return all.flatMap(({ name, pid }) => (pid === undefined ? [] : [{ name, pid }]));
  }

  get size(): number {
    return this.#processes.size + (this.#spare === undefined ? 0 : 1);
  }

  spawn(worker: WorkerConfig): void {
    const { tell, onChange } = this.#options;
    const present = this.#processes.get(worker.process);
    const home = present ?? this.#newHome(worker);
    if (home === undefined) {
      const signal = `not started: there are ${MAX_PROCESSES} worker processes`;
      return tell({ type: "workers-exited", exits: [{ id: worker.id, code: null, signal }] });
    }
    this.#homes.set(worker.id, home);
    if (present !== undefined || worker.format === "onnx") home.host(worker);
    onChange();
    if (home.pid !== undefined) tell({ type: "worker-spawned", id: worker.id, pid: home.pid });
    return this.#refillLater();
  }

  end(id: string, how: "drain" | "kill", why = "ended by the router"): void {
    if (how === "kill") this.#homes.get(id)?.killFor(id, why);
    else this.#homes.get(id)?.end(id);
  }

  stopAll(): void {
    this.#isStopping = true;
    clearInterval(this.#memoryTimer);
    clearTimeout(this.#spareTimer);
    for (const own of this.#processes.values()) own.stop();
    this.#spare?.kill();
  }

  killAll(): void {
    for (const own of this.#processes.values()) own.kill();
    this.#spare?.kill();
  }

  /** For a model in Python the waiting process has loaded what it doesn't need. */
  #newHome(worker: WorkerConfig): WorkerProcess | undefined {
    const isOnnx = worker.format === "onnx";
    const spare = isOnnx && this.#spare?.isOver === false ? this.#spare : undefined;
    if (spare === undefined && this.#processes.size >= MAX_PROCESSES) return undefined;
    const home = spare ?? this.#start(isOnnx ? undefined : worker);
    if (spare !== undefined) this.#spare = undefined;
    this.#processes.set(worker.process, home);
    return home;
  }

  #start(first?: WorkerConfig): WorkerProcess {
    const { command, env, cwd, config, log, tell } = this.#options;
    const options = {
      command,
      env,
      cwd,
      config,
      log,
      onReady: (id: string) => tell({ type: "worker-ready", id }),
      onLeft: (worker: WorkerConfig, exit: WorkerExit) => {
        this.#forget(worker);
        tell({ type: "workers-exited", exits: [exit] });
      },
      onOver: (ended: readonly Ended[]) => {
        for (const [name, process] of this.#processes) if (process === own) this.#processes.delete(name);
        if (this.#spare === own) this.#spare = undefined;
        for (const { worker } of ended) this.#forget(worker);
        this.#options.onChange();
        if (ended.length > 0) tell({ type: "workers-exited", exits: ended.map(({ exit }) => exit) });
      },
    };
    const own: WorkerProcess = new WorkerProcess(options, first);
    return own;
  }

  #forget(worker: WorkerConfig): void {
    this.#homes.delete(worker.id);
    rmSync(worker.socketPath, { force: true });
  }

  #refillLater(): void {
    clearTimeout(this.#spareTimer);
    this.#spareTimer = setTimeout(() => {
      if (this.#isStopping || this.#spare !== undefined || this.#processes.size >= MAX_PROCESSES) return;
      this.#spare = this.#start();
      this.#options.onChange();
    }, SPARE_AFTER_MS);
    this.#spareTimer.unref();
  }

  /** Workers look at their own memory; one that is busy inside a model can't, so it is looked at from here too. */
  #checkMemory(): void {
    for (const own of this.#processes.values()) {
      const limit = own.memoryBytes;
      const bytes = limit === undefined ? undefined : residentBytes(own.pid);
      if (limit === undefined || bytes === undefined || bytes <= limit) continue;
      own.kill({
        code: "MODEL_OUT_OF_MEMORY",
        message: `the worker used ${bytes} bytes of memory; ${limit} are allowed`,
        hint: "Raise serving.resources.memory, or serve a smaller model.",
      });
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
