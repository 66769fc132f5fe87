import type { Clock } from "../../base/clock.ts";
import type { VariantSpec, VariantState } from "../backend.ts";
import type { AnswerFrame, FrameKind } from "../frames.ts";
import type { WorkerMetadata } from "../worker-arguments.ts";
import { EndpointWorkforce } from "./endpoint-workforce.ts";
import type { WorkerConnection } from "./worker-connection.ts";
import type { LivingWorker } from "./worker-host.ts";
import type { WorkerEnd, WorkerSlot } from "./worker-slot.ts";
import { RunMeter } from "./run-meter.ts";
import { Ticket } from "./ticket.ts";
import type { PoolAnswer, PoolRequest } from "./ticket.ts";
import { Workforce } from "./workforce.ts";
import type { WorkforceDeps, WorkforceEvents } from "./workforce.ts";

export type { PoolAnswer, PoolRequest } from "./ticket.ts";

/** Requests of one variant that wait, unless it says otherwise. */
const DEFAULT_QUEUE = 1_024;
const MAX_REQUEST_BYTES = 256 * 1024 * 1024;
/** A request that ended two workers isn't given to a third. */
const MAX_ATTEMPTS = 2;

/** The requests of one variant: spreads them over its workers, and gives a dead worker's requests to another. */
export class VariantPool {
  readonly #clock: Clock;
  readonly #workforce: Pick<Workforce, keyof Workforce>;
  readonly #waiting: Ticket[] = [];
  /** How long requests waited and ran. */
  readonly meter = new RunMeter();
  #spec: VariantSpec;
  #maxRequests = 0;
  #requests = 0;
  #bytes = 0;
  /** When somebody last asked, was answered, or could be again. */
  #usedAt: number;
  readonly #onWanted: (() => void) | undefined;
  #isDraining = false;
  #onDrained: (() => void) | undefined;
  #metadata: WorkerMetadata | undefined;

  constructor(spec: VariantSpec, deps: WorkforceDeps) {
    this.#spec = spec;
    this.#clock = deps.clock;
    this.#usedAt = deps.clock.now();
    this.#onWanted = deps.wanted;
    this.#limit();
    const { clock, addressOf } = deps;
    const events: WorkforceEvents = {
      ready: (connection) => {
        this.#metadata = connection.metadata;
        this.#sendWaiting();
      },
      room: () => {
        if (this.#waiting.length > 0) this.#sendWaiting();
      },
      lost: (sent) => this.#retry(sent as readonly Ticket[]),
    };
    this.#workforce =
      spec.endpoints === undefined || addressOf === undefined
        ? new Workforce(spec, deps, events)
        : new EndpointWorkforce(spec, { clock, addressOf }, events);
  }

  get spec(): VariantSpec {
    return this.#spec;
  }

  /** Puts a worker into every place: those that live already first, new ones into the rest. */
  start(living: readonly LivingWorker[] = []): void {
    this.#workforce.start(living);
  }

  /** Takes over what may change while it serves: how many workers, or which pods, and its limits. */
  adjust(spec: VariantSpec): void {
    const { workers, scale, limits, endpoints } = spec;
    // Idle time begins when it could be asked.
    if (this.#spec.endpoints?.length === 0 && endpoints?.length !== 0) this.#usedAt = this.#clock.now();
    this.#spec = {
      ...withoutAdjustable(this.#spec),
      workers,
      ...(scale && { scale }),
      ...(limits && { limits }),
      ...(endpoints && { endpoints }),
    };
    this.#limit();
    this.#workforce.adjust(this.#spec);
  }

  slot(workerId: string): WorkerSlot | undefined {
    return this.#workforce.slot(workerId);
  }

  setApart(): void {
    this.#workforce.setApart();
  }

  /** What the model takes and gives; undefined until a worker has been ready once. */
  get metadata(): WorkerMetadata | undefined {
    return this.#metadata;
  }

  /** True when a worker is there, or would be as soon as somebody asks. */
  get isReady(): boolean {
    return this.#workforce.isReady;
  }

  /** True when another request would be refused. */
  isFull(bodyBytes: number): boolean {
    return this.refusal(bodyBytes) !== undefined;
  }

  /** True when requests wait and it has no pod that could answer them. */
  get lacksPods(): boolean {
    return this.#spec.endpoints?.length === 0 && this.#waiting.some(({ isDone }) => !isDone);
  }

  /** Milliseconds since somebody last asked; 0 while somebody does. */
  idleMs(now: number): number {
    return this.#requests > 0 ? 0 : Math.max(0, now - this.#usedAt);
  }

  /** Why another request can't be taken now, as the end of a sentence about the version; undefined when it can. */
  refusal(bodyBytes: number): string | undefined {
    if (this.#isDraining) return "is being removed";
    if (this.#requests >= this.#maxRequests || this.#bytes + bodyBytes > MAX_REQUEST_BYTES)
      return "has more requests than it can hold";
    return this.#workforce.outage(this.#clock.now());
  }

  /** How many workers ended that nobody asked to, by how. */
  get ends(): ReadonlyMap<WorkerEnd, number> {
    return this.#workforce.ends;
  }

  state(): VariantState {
    const { service, version } = this.#spec;
    return { service, version, ...this.#workforce.state() };
  }

  /** Resolves when every worker is ready; VARIANT_NOT_READY when one can't load the model, or keeps dying. */
  ready(signal: AbortSignal): Promise<void> {
    return this.#workforce.ready(signal);
  }

  /** Sends a request to the worker that has least to do. `done` is called once, unless it is cancelled first. */
  request(kind: FrameKind, body: Buffer, timeoutMs: number, done: (answer: PoolAnswer) => void): PoolRequest {
    const now = this.#clock.now();
    this.#requests += 1;
    this.#bytes += body.length;
    this.#workforce.came(now);
    const ticket = new Ticket(this, kind, body, timeoutMs, now, done);
    this.#usedAt = now;
    this.#send(ticket, now);
    return ticket;
  }

  answered({ waitedMs }: Ticket, answer: AnswerFrame): void {
    this.meter.add(waitedMs, answer);
  }

  /** A ticket has been answered, or nobody waits for it any more. */
  settled({ body }: Ticket): void {
    this.#requests -= 1;
    this.#bytes -= body.length;
    this.#usedAt = this.#clock.now();
    this.#workforce.went(this.#usedAt);
    if (this.#requests === 0) this.#onDrained?.();
  }

  /**
   * What is done a few times a second: more workers or fewer, and an eye on those that say nothing.
   * @param isLate the last look was so long ago that this machine stood still, so silence means nothing
   */
  look(now: number, isLate: boolean): void {
    // Those that were cancelled while they waited for a worker.
    if (this.#waiting.length > 0) {
      const alive = this.#waiting.filter((ticket) => !ticket.isDone);
      this.#waiting.splice(0, this.#waiting.length, ...alive);
    }
    this.#workforce.look(now, isLate, this.#requests);
  }

  /** Lets what is under way come to its end, for at most `withinMs`, then ends the workers. */
  async drain(withinMs: number): Promise<void> {
    this.#isDraining = true;
    if (this.#requests > 0)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, withinMs);
        this.#onDrained = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    this.#workforce.stop();
    for (const ticket of this.#waiting.splice(0)) ticket.finish("lost");
  }

  /** Leaves the workers alone; for a router that ends while they live on. */
  detach(): void {
    this.#workforce.detach();
  }

  #limit(): void {
    const { concurrency = 0, queue = DEFAULT_QUEUE } = this.#spec.limits ?? {};
    this.#maxRequests = Math.max(1, concurrency + queue);
  }

  #send(ticket: Ticket, now: number): void {
    const connection = this.#hasRoom() ? this.#workforce.leastLoaded() : undefined;
    // Bounded by refusal() and by each request's own deadline.
    if (connection !== undefined) return ticket.sendTo(connection, now);
    if (!ticket.isWaiting) this.#waiting.push(ticket);
    ticket.isWaiting = true;
    if (this.#spec.endpoints?.length === 0) this.#onWanted?.();
    return undefined;
  }

  /** With fewer requests than the variant's own limit; without one, workers themselves keep what waits. */
  #hasRoom(): boolean {
    const limit = this.#spec.limits?.concurrency;
    return limit === undefined || this.#workforce.load < limit;
  }

  #sendWaiting(): void {
    const now = this.#clock.now();
    let taken = 0;
    for (const ticket of this.#waiting) {
      if (!ticket.isDone) {
        const connection: WorkerConnection | undefined = this.#hasRoom()
          ? this.#workforce.leastLoaded()
          : undefined;
        if (connection === undefined) break;
        ticket.isWaiting = false;
        ticket.sendTo(connection, now);
      }
      taken += 1;
    }
    this.#waiting.splice(0, taken);
  }

  /** Of a worker that is gone, or of one that says nothing. */
  #retry(tickets: readonly Ticket[]): void {
    const now = this.#clock.now();
    for (const ticket of tickets) {
      if (ticket.isDone) continue;
      if (ticket.attempts < MAX_ATTEMPTS) this.#send(ticket, now);
      else if (!ticket.isSent) ticket.finish("lost");
    }
  }
}

function withoutAdjustable({ scale: _scale, limits: _limits, ...rest }: VariantSpec): VariantSpec {
  return rest;
}
