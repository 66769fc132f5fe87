import { SlipwayError } from "../../http/errors.ts";
import type { VariantSpec, VariantState } from "../backend.ts";
import { LoadMeter } from "./load-meter.ts";
import { SMALL_MODEL_BYTES } from "./placement.ts";
import { scale } from "./scale.ts";
import type { ScaleState } from "./scale.ts";
import { hangs, isSilent } from "./silence.ts";
import type { EndpointAddress, Sent, WorkerConnection } from "./worker-connection.ts";
import type { LivingWorker } from "./worker-host.ts";
import { WorkerSlot } from "./worker-slot.ts";
import type { SlotDeps, WorkerEnd } from "./worker-slot.ts";

export interface WorkforceDeps extends SlotDeps {
  /** Bytes of all files of a model. */
  modelBytes(modelDir: string): number;
  /** How pods are reached; undefined where there are none, on a laptop. */
  addressOf?: EndpointAddress;
  /** Called when a request came to a variant that has no pod. */
  wanted?: () => void;
}

export interface WorkforceEvents {
  ready(connection: WorkerConnection): void;
  /** Workers may take more requests. */
  room(): void;
  /** Requests whose worker is gone, or says nothing. */
  lost(sent: readonly Sent[]): void;
}

/** Requests under way, on average, from which a model is too busy to share a process, and below which it may again. */
const BUSY = 0.2;
const QUIET = 0.02;
const QUIET_FOR_MS = 10 * 60_000;
/** For a worker that goes to answer what it has. */
const LEAVES_WITHIN_MS = 30_000;
/** A request isn't made to wait for a worker that is started again later than this. */
const OUTAGE_MS = 1_000;

/** The workers of one variant: how many there are, in which processes, and what is done about ill ones. */
export class Workforce {
  #spec: VariantSpec;
  readonly #deps: WorkforceDeps;
  readonly #events: WorkforceEvents;
  readonly #meter: LoadMeter;
  readonly #isSmall: boolean;
  readonly #slots: WorkerSlot[] = [];
  /** Those that start to take another's place. */
  readonly #successors = new Map<WorkerSlot, WorkerSlot>();
  /** Those that are replaced at the next look. */
  readonly #waitsTurn = new Set<WorkerSlot>();
  /** Those that go, until when, and who has their place now. */
  readonly #leaving = new Map<WorkerSlot, { until: number; heir: WorkerSlot | undefined }>();
  #scale: ScaleState;
  #requestAt: number;
  #wasReady = false;
  #isAlone: boolean;
  #busyAt: number;
  #changed: (() => void)[] = [];
  readonly #ends = new Map<WorkerEnd, number>();
  #lastEnd: { at: number; reason: string } | undefined;

  constructor(spec: VariantSpec, deps: WorkforceDeps, events: WorkforceEvents) {
    const now = deps.clock.now();
    this.#spec = spec;
    this.#deps = deps;
    this.#events = events;
    this.#meter = new LoadMeter(now);
    this.#requestAt = now;
    this.#busyAt = now;
    this.#isSmall = isSmall(spec, deps);
    this.#isAlone = !this.#isSmall;
    // Whatever its least: a version must have been loaded once before anything is said about it.
    this.#scale = { workers: Math.max(1, spec.workers), neededAt: now, neededSince: 0 };
  }

  start(living: readonly LivingWorker[]): void {
    for (const worker of living) this.#newSlot().adopt(worker);
    while (this.#slots.length < this.#scale.workers) this.#newSlot().start();
  }

  /** For workers that are started from now on. */
  adjust(spec: VariantSpec): void {
    this.#spec = spec;
  }

  /** The worker brought its neighbours down most likely: it is started again in a process of its own. */
  setApart(): void {
    this.#isAlone = true;
    this.#busyAt = this.#deps.clock.now();
  }

  slot(workerId: string): WorkerSlot | undefined {
    return this.#everySlot().find((slot) => slot.id === workerId);
  }

  get isReady(): boolean {
    return this.#slots.length === 0 || this.#slots.some((slot) => slot.connection !== undefined);
  }

  /** Requests that workers have. */
  get load(): number {
    let load = 0;
    for (const { connection } of this.#slots) load += connection?.load ?? 0;
    return load;
  }

  /** How many workers ended that nobody asked to, by how. */
  get ends(): ReadonlyMap<WorkerEnd, number> {
    return this.#ends;
  }

  state(): Pick<VariantState, "workers" | "lastEnd"> {
    return {
      workers: this.#slots.map((slot) => slot.state()),
      ...(this.#lastEnd === undefined ? {} : { lastEnd: this.#lastEnd }),
    };
  }

  /** Why a request would wait for nothing; undefined when it wouldn't. */
  outage(now: number): string | undefined {
    if (this.#slots.length === 0) return undefined;
    for (const { connection, startsAt } of this.#slots)
      if (connection !== undefined || startsAt === undefined || startsAt - now <= OUTAGE_MS) return undefined;
    const reason = this.#slots[0]?.lastExit ?? "unknown";
    return `isn't ready: its worker keeps ending (${reason}) and is started again in ${seconds((this.#slots[0]?.startsAt ?? now) - now)}`;
  }

  /** The open worker with the least to do; one that says nothing only when there is no other. */
  leastLoaded(): WorkerConnection | undefined {
    let best: WorkerConnection | undefined;
    let silent: WorkerConnection | undefined;
    for (const { connection, isSilent } of this.#slots) {
      if (connection?.isOpen !== true) continue;
      if (isSilent) silent ??= connection;
      else if (best === undefined || connection.load < best.load) best = connection;
    }
    return best ?? silent;
  }

  /** A request came; the first one of a variant without workers gets one. */
  came(now: number): void {
    this.#meter.add(1, now);
    this.#requestAt = now;
    if (this.#slots.length > 0) return;
    this.#scale = { workers: 1, neededAt: now, neededSince: 0 };
    this.#newSlot().start();
  }

  went(now: number): void {
    this.#meter.add(-1, now);
  }

  async ready(signal: AbortSignal): Promise<void> {
    const onAbort = () => this.#notify();
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      for (;;) {
        if (signal.aborted) throw signal.reason as Error;
        const failed = this.#slots.find((slot) => slot.hasFailed);
        if (failed !== undefined) throw notReady(this.#spec, failed);
        if (this.#slots.every((slot) => slot.connection !== undefined)) return;
        await new Promise<void>((resolve) => this.#changed.push(resolve));
      }
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  look(now: number, isLate: boolean, requests: number): void {
    const load = this.#meter.endWindow(now);
    const { workers: min, scale: rule } = this.#spec;
    this.#scale = scale(this.#scale, {
      min,
      rule,
      load: Math.max(load, requests > 0 ? Number.MIN_VALUE : 0),
      requestAt: this.#wasReady ? this.#requestAt : now,
      now,
    });
    this.#resize(now);
    this.#changePlaces(now);
    if (isLate) for (const slot of this.#everySlot()) slot.connection?.excuse(now);
    else this.#watchSilence(now);
    this.#succeed(now);
    for (const [slot, { until }] of this.#leaving)
      if (slot.connection === undefined || slot.connection.load === 0 || now >= until) {
        this.#leaving.delete(slot);
        slot.stop();
      }
  }

  stop(): void {
    for (const slot of this.#everySlot()) slot.stop();
  }

  detach(): void {
    for (const slot of this.#everySlot()) slot.detach();
  }

  #everySlot(): WorkerSlot[] {
    return [...this.#slots, ...this.#successors.values(), ...this.#leaving.keys()];
  }

  #newSlot(): WorkerSlot {
    const slot = this.#makeSlot();
    this.#slots.push(slot);
    return slot;
  }

  #makeSlot(): WorkerSlot {
    const slot: WorkerSlot = new WorkerSlot(this.#spec, this.#deps, {
      changed: () => this.#slotChanged(slot),
      answered: () => this.#events.room(),
      lost: (sent) => this.#events.lost(sent),
      ended: (reason, kind) => this.#ended(slot, reason, kind),
      isAlone: () => this.#isAlone,
    });
    return slot;
  }

  #slotChanged(slot: WorkerSlot): void {
    // Idle time begins when it could be asked: a version must have been loaded once before it goes to zero.
    if (slot.connection !== undefined && !this.#wasReady) {
      this.#wasReady = true;
      this.#requestAt = this.#deps.clock.now();
    }
    if (slot.connection !== undefined && this.#slots.includes(slot)) this.#events.ready(slot.connection);
    else if (slot.connection !== undefined) this.#succeed(this.#deps.clock.now());
    this.#notify();
  }

  #notify(): void {
    for (const resolve of this.#changed.splice(0)) resolve();
  }

  /** As many workers as are wanted; those that aren't ready go first. */
  #resize(now: number): void {
    const { workers } = this.#scale;
    while (this.#slots.length < workers) this.#newSlot().start();
    while (this.#slots.length > workers) {
      const slot = this.#slots.findLast(({ connection }) => connection === undefined) ?? this.#slots.at(-1);
      if (slot === undefined) return;
      this.#successors.get(slot)?.stop();
      this.#successors.delete(slot);
      this.#dismiss(slot, now);
    }
  }

  /** Busy ones get processes of their own; those that are quiet again go together. */
  #changePlaces(now: number): void {
    if (!this.#isSmall) return;
    const load = this.#meter.smoothed;
    if (load >= QUIET) this.#busyAt = now;
    if (load >= BUSY) this.#isAlone = true;
    else if (now - this.#busyAt >= QUIET_FOR_MS) this.#isAlone = false;
    if (this.#successors.size > 0) return;
    for (const slot of this.#slots) {
      if (slot.connection === undefined || slot.id === undefined || slot.isSilent) continue;
      if (this.#isAlone && !slot.isAlone && !this.#deps.placement.claim(slot.id)) return this.#replace(slot);
      if (!this.#isAlone && slot.isAlone) return this.#replace(slot);
      if (!this.#isAlone && !slot.isAlone) this.#deps.placement.release(slot.id);
    }
  }

  #watchSilence(now: number): void {
    for (const slot of [...this.#slots, ...this.#leaving.keys()]) {
      const { connection } = slot;
      if (connection === undefined || slot.id === undefined) continue;
      const wasSilent = slot.isSilent;
      slot.isSilent = isSilent(connection, now);
      if (wasSilent && !slot.isSilent) this.#deps.placement.acquit(slot.id);
      if (hangs(connection, now)) this.#giveUp(slot, connection.silence(now), connection.load);
      else if (slot.isSilent && this.#leaving.has(slot)) this.#events.lost(connection.waitedFor());
      else if (slot.isSilent) this.#standIn(slot, connection);
    }
  }

  /** Another worker is asked as well; whoever answers first has answered. */
  #standIn(slot: WorkerSlot, connection: WorkerConnection): void {
    const { placement } = this.#deps;
    const { id } = slot;
    if (id === undefined) return;
    placement.close(id);
    placement.suspect(id, connection.oldestAt ?? Infinity);
    const isSuspect = placement.isSuspect(id);
    if (isSuspect) this.setApart();
    if (this.#slots.some((other) => other.connection !== undefined && !other.isSilent))
      this.#events.lost(connection.waitedFor());
    // Python takes long to load, and much memory: such a worker is waited for until it is given up.
    else if (this.#spec.format !== "onnx" || this.#successors.has(slot)) return;
    // Its neighbours go first: it may well keep the next worker busy in the same way.
    else if (isSuspect && !this.#waitsTurn.delete(slot)) this.#waitsTurn.add(slot);
    else this.#replace(slot);
  }

  #giveUp(slot: WorkerSlot, silence: number, requests: number): void {
    slot.kill(
      `ended: it had answered nothing for ${seconds(silence)} while ${requests} request${requests === 1 ? "" : "s"} waited`,
    );
  }

  /** Starts another worker, which takes this one's place when it is ready. */
  #replace(slot: WorkerSlot): void {
    const next = this.#makeSlot();
    this.#successors.set(slot, next);
    next.start();
  }

  #succeed(now: number): void {
    for (const [slot, next] of this.#successors) {
      if (next.connection !== undefined) {
        this.#successors.delete(slot);
        next.inherit(slot.state(), slot.deaths);
        this.#slots.push(next);
        const silent = slot.isSilent ? (slot.connection?.waitedFor() ?? []) : [];
        this.#dismiss(slot, now, next);
        this.#events.ready(next.connection);
        this.#events.lost(silent);
      } else if (next.deaths > 0 && slot.connection !== undefined && !slot.isSilent) {
        this.#successors.delete(slot);
        next.stop();
      }
    }
  }

  /** It gets no more requests, and goes when it has answered those that it has. */
  #dismiss(slot: WorkerSlot, now: number, heir?: WorkerSlot): void {
    const index = this.#slots.indexOf(slot);
    if (index >= 0) this.#slots.splice(index, 1);
    this.#notify();
    if (slot.connection === undefined || slot.connection.load === 0) return slot.stop();
    slot.leave();
    this.#leaving.set(slot, { until: now + LEAVES_WITHIN_MS, heir });
    return undefined;
  }

  #ended(slot: WorkerSlot, reason: string, kind: WorkerEnd): void {
    this.#ends.set(kind, (this.#ends.get(kind) ?? 0) + 1);
    this.#lastEnd = { at: this.#deps.clock.now(), reason };
    this.#leaving.get(slot)?.heir?.inherit(slot.state(), slot.deaths);
  }
}

function isSmall({ format, memoryBytes, cpu, modelDir }: VariantSpec, deps: WorkforceDeps): boolean {
  if (format !== "onnx" || memoryBytes !== undefined || cpu !== undefined) return false;
  return deps.modelBytes(modelDir) <= SMALL_MODEL_BYTES;
}

function seconds(ms: number): string {
  return `${(Math.max(0, ms) / 1_000).toFixed(1)} s`;
}

/** For a version that can't serve. */
function notReady({ service, version }: VariantSpec, { error, lastExit }: WorkerSlot): SlipwayError {
  return new SlipwayError(
    "VARIANT_NOT_READY",
    `version ${version} of ${service} can't serve: ${error?.message ?? lastExit ?? "unknown"}`,
    {
      where: `version/${service}/${version}`,
      ...(error === undefined ? {} : { hint: error.hint, details: { cause: error } }),
    },
  );
}
