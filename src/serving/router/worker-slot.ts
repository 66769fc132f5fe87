import { join } from "node:path";
import type { Clock } from "../../base/clock.ts";
import type { ErrorBody } from "../../http/errors.ts";
import type { VariantSpec, VariantState } from "../backend.ts";
import { workerSocketName } from "../worker-arguments.ts";
import type { Sent } from "./worker-connection.ts";
import { WorkerConnection } from "./worker-connection.ts";
import type { LivingWorker, WorkerExit, WorkerHost } from "./worker-host.ts";

const DEFAULT_MEMORY_BYTES = 1024 * 1024 * 1024;
const MAX_BATCH_ROWS = 256;
/** More than any body that the router takes; rules bound bodies far below. */
const MAX_FRAME_BYTES = 260 * 1024 * 1024;
/** A worker that lived so long was healthy: the next one starts at once again. */
const HEALTHY_MS = 10_000;
const FIRST_BACKOFF_MS = 100;
const MAX_BACKOFF_MS = 10_000;
/** Deaths in a row after which a variant that was never ready counts as unable to serve. */
const MAX_DEATHS = 3;
const RECONNECT_MS = 50;

export interface SlotDeps {
  runDir: string;
  host: WorkerHost;
  clock: Clock;
  /** Short and unique: letters and digits. */
  newWorkerId(): string;
}

interface SlotEvents {
  changed(): void;
  lost(unanswered: readonly Sent[]): void;
}

/** The place of one worker in a variant: keeps a process in it, with back-off when it keeps dying. */
export class WorkerSlot {
  readonly #spec: VariantSpec;
  readonly #deps: SlotDeps;
  readonly #events: SlotEvents;
  readonly index: number;
  connection: WorkerConnection | undefined;
  /** What the last worker said when it ended itself. */
  error: ErrorBody | undefined;
  #id: string | undefined;
  #pid: number | undefined;
  #state: VariantState["workers"][number]["state"] = "starting";
  #restarts = 0;
  #deaths = 0;
  #startedAt = 0;
  #lastExit: string | undefined;
  #wasReady = false;
  #isStopped = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(spec: VariantSpec, index: number, deps: SlotDeps, events: SlotEvents) {
    this.#spec = spec;
    this.index = index;
    this.#deps = deps;
    this.#events = events;
  }

  get id(): string | undefined {
    return this.#id;
  }

  /** True when waiting longer is of no use. */
  get hasFailed(): boolean {
    return !this.#wasReady && (this.error !== undefined || this.#deaths >= MAX_DEATHS);
  }

  state(): VariantState["workers"][number] {
    return {
      state: this.#state,
      restarts: this.#restarts,
      ...(this.#pid === undefined ? {} : { pid: this.#pid }),
      ...(this.#lastExit === undefined ? {} : { lastExit: this.#lastExit }),
    };
  }

  start(): void {
    this.#timer = undefined;
    this.#id = this.#deps.newWorkerId();
    this.#state = "starting";
    this.#startedAt = this.#deps.clock.now();
    this.#deps.host.spawn({
      id: this.#id,
      socketPath: join(this.#deps.runDir, workerSocketName(this.#id)),
      service: this.#spec.service,
      version: this.#spec.version,
      modelDir: this.#spec.modelDir,
      maxFrameBytes: MAX_FRAME_BYTES,
      threads: 1,
      memoryBytes: this.#spec.memoryBytes ?? DEFAULT_MEMORY_BYTES,
      maxBatchRows: MAX_BATCH_ROWS,
    });
    this.#events.changed();
  }

  /** Takes over a worker that outlived the router before this one. */
  adopt(worker: LivingWorker): void {
    this.#id = worker.worker.id;
    this.#pid = worker.pid;
    this.#startedAt = this.#deps.clock.now();
    if (worker.ready) void this.onReady();
  }

  onSpawned(pid: number): void {
    this.#pid = pid;
  }

  async onReady(): Promise<void> {
    const id = this.#id;
    if (id === undefined || this.#isStopped) return;
    try {
      const path = join(this.#deps.runDir, workerSocketName(id));
      const connection = await WorkerConnection.open(path, (unanswered) => this.#onClose(id, unanswered));
      if (this.#isStopped || this.#id !== id) return connection.close();
      this.connection = connection;
      this.#state = "ready";
      this.#wasReady = true;
      this.error = undefined;
      this.#events.changed();
    } catch {
      // It died, or it hangs: its end is reported by the host, and brings the next one.
      if (this.#id === id) this.#deps.host.end(id, "kill");
    }
  }

  onExit(exit: WorkerExit): void {
    this.#lastExit = describeExit(exit);
    this.error = exit.error;
    this.#pid = undefined;
    this.#id = undefined;
    this.connection?.close();
    if (this.#isStopped) return this.#events.changed();
    const lived = this.#deps.clock.now() - this.#startedAt;
    this.#deaths = lived >= HEALTHY_MS ? 1 : this.#deaths + 1;
    this.#restarts += 1;
    this.#state = "backing-off";
    const wait =
      this.#deaths === 1
        ? 0
        : Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** Math.min(this.#deaths - 2, 16));
    this.#events.changed();
    // A failed preparation is removed by whoever waits for it, possibly in this very call.
    if (!this.#isStopped) this.#timer = setTimeout(() => this.start(), wait);
  }

  /** Ends a worker that has answered nothing for `limitMs`. */
  endStuck(limitMs: number): void {
    if (this.#id === undefined) return;
    this.error = undefined;
    this.#deps.host.end(this.#id, "kill");
    this.#lastExit = `ended: it had answered nothing for ${limitMs} ms`;
  }

  stop(): void {
    this.detach();
    this.#state = "stopping";
    if (this.#id !== undefined) this.#deps.host.end(this.#id, "drain");
  }

  detach(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    this.connection?.close();
    this.connection = undefined;
  }

  #onClose(id: string, unanswered: Sent[]): void {
    this.connection = undefined;
    if (this.#state === "ready") this.#state = "starting";
    this.#events.changed();
    this.#events.lost(unanswered);
    // A worker that closed its connection but lives is asked again; a dead one has been replaced by then.
    const timer = setTimeout(() => {
      if (this.#id === id && this.connection === undefined) void this.onReady();
    }, RECONNECT_MS);
    timer.unref();
  }
}

function describeExit({ code, signal, error }: WorkerExit): string {
  if (error !== undefined) return error.message;
  return signal === null ? `exit code ${code ?? "unknown"}` : `signal ${signal}`;
}
