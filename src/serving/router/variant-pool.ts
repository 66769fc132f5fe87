import type { Clock } from "../../base/clock.ts";
import { SlipwayError } from "../../http/errors.ts";
import type { VariantSpec, VariantState } from "../backend.ts";
import type { AnswerFrame, FrameKind } from "../frames.ts";
import type { WorkerMetadata } from "../worker-arguments.ts";
import type { WorkerConnection } from "./worker-connection.ts";
import type { LivingWorker } from "./worker-host.ts";
import { WorkerSlot } from "./worker-slot.ts";
import type { SlotDeps } from "./worker-slot.ts";

/** Requests of one variant that are with workers or wait for one. */
const MAX_REQUESTS = 1_024;
const MAX_REQUEST_BYTES = 256 * 1024 * 1024;
/** A worker that has answered nothing for so long is ended, unless requests may take longer. */
const STUCK_MS = 10_000;
/** A request that ended two workers isn't given to a third. */
const MAX_ATTEMPTS = 2;

export type PoolAnswer = AnswerFrame | "lost";

/** A request under way; `cancel` when nobody waits for it any more. */
export interface PoolRequest {
  cancel(): void;
}

interface Ticket extends PoolRequest {
  readonly kind: FrameKind;
  readonly body: Buffer;
  attempts: number;
  isDone: boolean;
  sentBy: { connection: WorkerConnection; id: number } | undefined;
  answered(answer: AnswerFrame): void;
  finish(answer: PoolAnswer): void;
}

/** The workers of one variant: spreads requests over them, and gives a dead worker's requests to another. */
export class VariantPool {
  readonly spec: VariantSpec;
  readonly #clock: Clock;
  readonly #slots: WorkerSlot[] = [];
  readonly #waiting: Ticket[] = [];
  readonly #watch: NodeJS.Timeout;
  #changed: (() => void)[] = [];
  #requests = 0;
  #bytes = 0;
  #longestMs = 0;
  #isDraining = false;
  #metadata: WorkerMetadata | undefined;

  constructor(spec: VariantSpec, deps: SlotDeps) {
    this.spec = spec;
    this.#clock = deps.clock;
    for (let index = 0; index < spec.workers; index++) {
      const slot = new WorkerSlot(spec, index, deps, {
        changed: () => this.#slotChanged(slot),
        lost: (tickets) => this.#retry(tickets as Ticket[]),
      });
      this.#slots.push(slot);
    }
    this.#watch = setInterval(() => this.#endStuck(), 1_000);
    this.#watch.unref();
  }

  /** Puts a worker into every slot: those that live already first, new ones into the rest. */
  start(living: readonly LivingWorker[] = []): void {
    for (const [index, slot] of this.#slots.entries()) {
      const worker = living[index];
      if (worker === undefined) slot.start();
      else slot.adopt(worker);
    }
  }

  slot(workerId: string): WorkerSlot | undefined {
    return this.#slots.find((slot) => slot.id === workerId);
  }

  /** What the model takes and gives; undefined until a worker has been ready once. */
  get metadata(): WorkerMetadata | undefined {
    return this.#metadata;
  }

  get isReady(): boolean {
    return this.#slots.some((slot) => slot.connection !== undefined);
  }

  /** True when another request would be one too many. */
  isFull(bodyBytes: number): boolean {
    return this.#isDraining || this.#requests >= MAX_REQUESTS || this.#bytes + bodyBytes > MAX_REQUEST_BYTES;
  }

  state(): VariantState {
    const { service, version } = this.spec;
    return { service, version, workers: this.#slots.map((slot) => slot.state()) };
  }

  /** Resolves when every worker is ready; VARIANT_NOT_READY when one can't load the model, or keeps dying. */
  async ready(signal: AbortSignal): Promise<void> {
    const onAbort = () => this.#notify();
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      for (;;) {
        if (signal.aborted) throw signal.reason as Error;
        const failed = this.#slots.find((slot) => slot.hasFailed);
        if (failed !== undefined) throw this.#notReady(failed);
        if (this.#slots.every((slot) => slot.connection !== undefined)) return;
        await new Promise<void>((resolve) => this.#changed.push(resolve));
      }
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** Sends a request to the worker that has least to do. `done` is called once, unless it is cancelled first. */
  request(kind: FrameKind, body: Buffer, timeoutMs: number, done: (answer: PoolAnswer) => void): PoolRequest {
    this.#requests += 1;
    this.#bytes += body.length;
    this.#longestMs = Math.max(this.#longestMs, timeoutMs);
    const settle = () => {
      ticket.isDone = true;
      this.#requests -= 1;
      this.#bytes -= body.length;
      if (this.#isDraining && this.#requests === 0) this.#notify();
    };
    const ticket: Ticket = {
      kind,
      body,
      attempts: 0,
      isDone: false,
      sentBy: undefined,
      answered: (answer) => ticket.finish(answer),
      finish(answer) {
        if (ticket.isDone) return;
        settle();
        done(answer);
      },
      cancel() {
        if (ticket.isDone) return;
        settle();
        ticket.sentBy?.connection.cancel(ticket.sentBy.id);
      },
    };
    this.#send(ticket);
    return ticket;
  }

  /** Lets what is under way come to its end, for at most `withinMs`, then ends the workers. */
  async drain(withinMs: number): Promise<void> {
    this.#isDraining = true;
    const deadline = this.#clock.now() + withinMs;
    const timer = setTimeout(() => this.#notify(), withinMs);
    while (this.#requests > 0 && this.#clock.now() < deadline)
      await new Promise<void>((resolve) => this.#changed.push(resolve));
    clearTimeout(timer);
    clearInterval(this.#watch);
    for (const slot of this.#slots) slot.stop();
    for (const ticket of this.#waiting.splice(0)) ticket.finish("lost");
  }

  /** Leaves the workers alone; for a router that ends while they live on. */
  detach(): void {
    clearInterval(this.#watch);
    for (const slot of this.#slots) slot.detach();
  }

  #send(ticket: Ticket): void {
    const connection = this.#leastLoaded();
    if (connection === undefined) {
      // Bounded by isFull() and by each request's own deadline.
      this.#waiting.push(ticket);
      return;
    }
    ticket.attempts += 1;
    ticket.sentBy = { connection, id: connection.send(ticket, this.#clock.now()) };
  }

  #leastLoaded(): WorkerConnection | undefined {
    let best: WorkerConnection | undefined;
    for (const { connection } of this.#slots)
      if (connection?.isOpen && (best === undefined || connection.load < best.load)) best = connection;
    return best;
  }

  #slotChanged(slot: WorkerSlot): void {
    if (slot.connection !== undefined) {
      this.#metadata = slot.connection.metadata;
      for (const ticket of this.#waiting.splice(0)) if (!ticket.isDone) this.#send(ticket);
    }
    this.#notify();
  }

  #retry(tickets: readonly Ticket[]): void {
    for (const ticket of tickets) {
      if (ticket.isDone) continue;
      ticket.sentBy = undefined;
      if (ticket.attempts >= MAX_ATTEMPTS) ticket.finish("lost");
      else this.#send(ticket);
    }
  }

  #endStuck(): void {
    const now = this.#clock.now();
    const limit = Math.max(STUCK_MS, 3 * this.#longestMs);
    for (const slot of this.#slots) if ((slot.connection?.age(now) ?? 0) > limit) slot.endStuck(limit);
    // Those that were cancelled while they waited for a worker.
    const alive = this.#waiting.filter((ticket) => !ticket.isDone);
    this.#waiting.splice(0, this.#waiting.length, ...alive);
  }

  #notReady(slot: WorkerSlot): SlipwayError {
    const { service, version } = this.spec;
    const error = slot.error;
    return new SlipwayError(
      "VARIANT_NOT_READY",
      `version ${version} of ${service} can't serve: ${error?.message ?? slot.state().lastExit ?? "unknown"}`,
      {
        where: `version/${service}/${version}`,
        ...(error === undefined ? {} : { hint: error.hint, details: { cause: error } }),
      },
    );
  }

  #notify(): void {
    for (const resolve of this.#changed.splice(0)) resolve();
  }
}
