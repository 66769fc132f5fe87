import { join } from "node:path";
import type { Clock } from "../../base/clock.ts";
import type { ErrorBody } from "../../http/errors.ts";
import type { VariantSpec, WorkerState } from "../backend.ts";
import { workerSocketName } from "../worker-arguments.ts";
import type { Placement } from "./placement.ts";
import { WorkerConnection } from "./worker-connection.ts";
import type { Sent, Unanswered } from "./worker-connection.ts";
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
  placement: Placement;
  /** Short and unique: letters and digits. */
  newWorkerId(): string;
}

interface SlotEvents {
  changed(): void;
  /** Answers came: there is room for more requests. */
  answered(): void;
  lost(unanswered: readonly Sent[]): void;
  /** @param kind for counting; the reason is for people */
  ended(reason: string, kind: WorkerEnd): void;
  /** Whether the next process is to be its own. */
  isAlone(): boolean;
}

/** How a worker ended that nobody asked to. */
export type WorkerEnd = "over-memory" | "hung" | "load-failed" | "neighbour" | "signal" | "exit";

/** The place of one worker in a variant: keeps a process in it, with back-off when it keeps dying. */
export class WorkerSlot {
  readonly #spec: VariantSpec;
  readonly #deps: SlotDeps;
  readonly #events: SlotEvents;
  connection: WorkerConnection | undefined;
  /** What the last worker said when it ended itself. */
  error: ErrorBody | undefined;
  /** Nothing has come from it for longer than usual, so that others are asked first. */
  isSilent = false;
  /** When the next worker is started, where it is waited for. */
  startsAt: number | undefined;
  #id: string | undefined;
  #pid: number | undefined;
  #state: WorkerState["state"] = "starting";
  #isAlone = false;
  #restarts = 0;
  #deaths = 0;
  #startedAt = 0;
  #lastExit: string | undefined;
  #endReason: string | undefined;
  #wasReady = false;
  /** It isn't started again when it ends. */
  #isLeaving = false;
  #isStopped = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(spec: VariantSpec, deps: SlotDeps, events: SlotEvents) {
    this.#spec = spec;
    this.#deps = deps;
    this.#events = events;
  }

  get id(): string | undefined {
    return this.#id;
  }

  /** True when its process was started for this worker only. */
  get isAlone(): boolean {
    return this.#isAlone;
  }

  /** True when waiting longer is of no use. */
  get hasFailed(): boolean {
    return !this.#wasReady && (this.error !== undefined || this.#deaths >= MAX_DEATHS);
  }

  /** Ends in a row that came soon after the start. */
  get deaths(): number {
    return this.#deaths;
  }

  /** Why it was ended from here; undefined when it wasn't. */
  get endReason(): string | undefined {
    return this.#endReason;
  }

  get lastExit(): string | undefined {
    return this.#lastExit;
  }

  state(): WorkerState {
    const isShared = this.#id !== undefined && this.#deps.placement.neighbours(this.#id) > 0;
    return {
      state: this.#state,
      restarts: this.#restarts,
      ...(this.#pid === undefined ? {} : { pid: this.#pid }),
      ...(this.#lastExit === undefined ? {} : { lastExit: this.#lastExit }),
      ...(isShared ? { isShared } : {}),
    };
  }

  /** Takes over what is known of the place from a worker that this one stands in for. */
  inherit({ restarts, lastExit }: WorkerState, deaths: number): void {
    this.#restarts = restarts;
    this.#lastExit = lastExit;
    this.#deaths = deaths;
  }

  start(): void {
    const { host, placement, runDir, clock, newWorkerId } = this.#deps;
    const { service, version, format, modelDir, python, memoryBytes, cpu = 1 } = this.#spec;
    this.#timer = undefined;
    this.startsAt = undefined;
    this.#isAlone = this.#events.isAlone();
    this.#id = newWorkerId();
    this.#state = "starting";
    this.#startedAt = clock.now();
    host.spawn({
      id: this.#id,
      ...placement.place(this.#id, this.#spec, this.#isAlone),
      socketPath: join(runDir, workerSocketName(this.#id)),
      service,
      version,
      format,
      modelDir,
      ...(python === undefined ? {} : { python }),
      maxFrameBytes: MAX_FRAME_BYTES,
      threads: Math.max(1, Math.ceil(cpu)),
      nice: niceOf(cpu),
      memoryBytes: memoryBytes ?? DEFAULT_MEMORY_BYTES,
      maxBatchRows: MAX_BATCH_ROWS,
    });
    this.#events.changed();
  }

  /** Takes over a worker that outlived the router before this one. */
  adopt({ worker, pid, ready }: LivingWorker): void {
    this.#id = worker.id;
    this.#pid = pid;
    this.#isAlone = !worker.isShared;
    this.#startedAt = this.#deps.clock.now();
    this.#deps.placement.adopt(worker);
    if (ready) void this.onReady();
  }

  onSpawned(pid: number): void {
    this.#pid = pid;
  }

  async onReady(): Promise<void> {
    const id = this.#id;
    if (id === undefined || this.#isStopped) return;
    try {
      const path = join(this.#deps.runDir, workerSocketName(id));
      const connection = await WorkerConnection.open(path, this.#deps.clock, {
        closed: (unanswered) => this.#onClose(id, unanswered),
        answered: this.#events.answered,
      });
      if (this.#isStopped || this.#id !== id) return connection.close();
      this.connection = connection;
      this.#state = "ready";
      this.#wasReady = true;
      this.error = undefined;
      this.#events.changed();
    } catch {
      // It died, or it hangs: its end is reported by the host, and brings the next one.
      if (this.#id === id) this.#deps.host.end(id, "kill", "it can't be connected to");
    }
  }

  /** @param because what ended it, when that isn't its own doing */
  onExit(exit: WorkerExit, because: string | undefined): void {
    const reason = this.#endReason ?? because ?? describeExit(exit);
    const kind = this.#endReason !== undefined ? "hung" : because !== undefined ? "neighbour" : kindOf(exit);
    this.#lastExit = reason;
    this.#endReason = undefined;
    this.error = exit.error;
    this.#pid = undefined;
    this.#id = undefined;
    this.isSilent = false;
    this.connection?.close();
    if (this.#isLeaving && !this.#isStopped) {
      this.#restarts += 1;
      this.#deaths += 1;
      this.#isStopped = true;
      this.#events.ended(reason, kind);
    }
    if (this.#isStopped) return this.#events.changed();
    const now = this.#deps.clock.now();
    // A death that a neighbour caused is no sign that this one will die again.
    if (because === undefined) this.#deaths = now - this.#startedAt >= HEALTHY_MS ? 1 : this.#deaths + 1;
    this.#restarts += 1;
    this.#state = "backing-off";
    const wait = backOff(this.#deaths);
    this.startsAt = now + wait;
    this.#events.ended(reason, kind);
    this.#events.changed();
    // A failed preparation is removed by whoever waits for it, possibly in this very call.
    if (!this.#isStopped) this.#timer = setTimeout(() => this.start(), wait);
  }

  /** Ends its process. */
  kill(reason: string): void {
    if (this.#id === undefined || this.#endReason !== undefined) return;
    this.error = undefined;
    this.#endReason = reason;
    this.#deps.host.end(this.#id, "kill", reason);
  }

  /** It answers what it has, and gets no successor here. */
  leave(): void {
    this.#isLeaving = true;
    clearTimeout(this.#timer);
  }

  stop(): void {
    this.detach();
    this.#state = "stopping";
    if (this.#id === undefined) return;
    this.#deps.host.end(this.#id, "drain");
    this.#deps.placement.leave(this.#id);
  }

  detach(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    this.connection?.close();
    this.connection = undefined;
  }

  #onClose(id: string, { sent, oldestAt }: Unanswered): void {
    if (oldestAt !== undefined) this.#deps.placement.suspect(id, oldestAt);
    this.connection = undefined;
    if (this.#state === "ready") this.#state = "starting";
    this.#events.changed();
    this.#events.lost(sent);
    // A worker that closed its connection but lives is asked again; a dead one has been replaced by then.
    const timer = setTimeout(() => {
      if (this.#id === id && this.connection === undefined) void this.onReady();
    }, RECONNECT_MS);
    timer.unref();
  }
}

function kindOf({ signal, error }: WorkerExit): WorkerEnd {
  if (error?.code === "MODEL_OUT_OF_MEMORY") return "over-memory";
  // Of a model in Python: its own process is gone, and the worker goes with it.
  if (error?.code === "MODEL_DIED") return "exit";
  if (error !== undefined) return "load-failed";
  return signal === null ? "exit" : "signal";
}

function describeExit({ code, signal, error }: WorkerExit): string {
  if (error !== undefined) return error.message;
  return signal === null ? `exit code ${code ?? "unknown"}` : `signal ${signal}`;
}

function backOff(deaths: number): number {
  if (deaths <= 1) return 0;
  return Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** Math.min(deaths - 2, 16));
}

/** A level of niceness is 1.25 times the weight of the next: half a processor is 3. */
function niceOf(cpu: number): number {
  return cpu >= 1 ? 0 : Math.min(19, Math.round(-Math.log(cpu) / Math.log(1.25)));
}
