import type { Clock } from "../../base/clock.ts";
import type { VariantSpec, VariantState } from "../backend.ts";
import { EndpointPlace } from "./endpoint-place.ts";
import { hangs, isSilent } from "./silence.ts";
import type { EndpointAddress, WorkerConnection } from "./worker-connection.ts";
import type { WorkerEnd } from "./worker-slot.ts";
import type { Workforce, WorkforceEvents } from "./workforce.ts";

/** A request isn't made to wait when no pod could be reached for so long; a new pod takes about that to be found. */
const OUTAGE_MS = 5_000;
/** For a pod that goes to answer what it has. */
const LEAVES_WITHIN_MS = 30_000;

/** The pods of one variant: a connection to each. How many there are is decided, and what is ill ended, by the cluster. */
export class EndpointWorkforce implements Pick<Workforce, keyof Workforce> {
  #spec: VariantSpec;
  readonly #clock: Clock;
  readonly #addressOf: EndpointAddress;
  readonly #events: WorkforceEvents;
  readonly #places = new Map<string, EndpointPlace>();
  /** Those that go, until when. */
  readonly #leaving = new Map<EndpointPlace, number>();
  readonly #ends = new Map<WorkerEnd, number>();
  #lastEnd: { at: number; reason: string } | undefined;
  #changed: (() => void)[] = [];

  constructor(
    spec: VariantSpec,
    { clock, addressOf }: { clock: Clock; addressOf: EndpointAddress },
    events: WorkforceEvents,
  ) {
    this.#spec = spec;
    this.#clock = clock;
    this.#addressOf = addressOf;
    this.#events = events;
  }

  start(): void {
    this.#take(this.#spec.endpoints ?? []);
  }

  adjust(spec: VariantSpec): void {
    this.#spec = spec;
    this.#take(spec.endpoints ?? []);
  }

  /** Of pods nobody shares one. */
  setApart(): void {}

  slot(): undefined {
    return undefined;
  }

  /** Without any pod a request waits for one: whoever scales to zero brings it. */
  get isReady(): boolean {
    return this.#places.size === 0 || this.#all().some(({ connection }) => connection !== undefined);
  }

  get load(): number {
    let load = 0;
    for (const { connection } of this.#places.values()) load += connection?.load ?? 0;
    return load;
  }

  get ends(): ReadonlyMap<WorkerEnd, number> {
    return this.#ends;
  }

  state(): Pick<VariantState, "workers" | "lastEnd"> {
    return {
      workers: this.#all().map((place) => place.state()),
      ...(this.#lastEnd === undefined ? {} : { lastEnd: this.#lastEnd }),
    };
  }

  outage(now: number): string | undefined {
    if (this.#places.size === 0) return undefined;
    for (const { awaySince } of this.#places.values())
      if (awaySince === undefined || now - awaySince < OUTAGE_MS) return undefined;
    return `isn't ready: none of its pods can be reached (${this.#all()[0]?.lastFailure ?? "unknown"})`;
  }

  leastLoaded(): WorkerConnection | undefined {
    let best: WorkerConnection | undefined;
    let silent: WorkerConnection | undefined;
    for (const place of this.#places.values()) {
      const { connection } = place;
      if (connection?.isOpen !== true) continue;
      if (place.isSilent) silent ??= connection;
      else if (best === undefined || connection.load < best.load) best = connection;
    }
    return best ?? silent;
  }

  /** How much is asked is the cluster's autoscaler's to measure. */
  came(): void {}

  went(): void {}

  /** Resolves when every pod is connected to. */
  async ready(signal: AbortSignal): Promise<void> {
    const onAbort = () => this.#notify();
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      for (;;) {
        if (signal.aborted) throw signal.reason as Error;
        if (this.#all().every(({ connection }) => connection !== undefined)) return;
        await new Promise<void>((resolve) => this.#changed.push(resolve));
      }
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  look(now: number, isLate: boolean): void {
    const all = [...this.#places.values(), ...this.#leaving.keys()];
    if (isLate) for (const { connection } of all) connection?.excuse(now);
    else for (const place of all) this.#watch(place, now);
    for (const [place, until] of this.#leaving)
      if (place.connection === undefined || place.connection.load === 0 || now >= until) {
        this.#leaving.delete(place);
        place.stop();
      }
  }

  stop(): void {
    for (const place of [...this.#places.values(), ...this.#leaving.keys()]) place.stop();
  }

  detach(): void {
    this.stop();
  }

  #all(): EndpointPlace[] {
    return [...this.#places.values()];
  }

  #take(endpoints: readonly string[]): void {
    const wanted = new Set(endpoints);
    for (const [endpoint, place] of this.#places) if (!wanted.has(endpoint)) this.#dismiss(place);
    for (const endpoint of wanted) if (!this.#places.has(endpoint)) this.#add(endpoint);
    this.#notify();
  }

  #add(endpoint: string): void {
    const place: EndpointPlace = new EndpointPlace(
      endpoint,
      this.#addressOf(endpoint, this.#spec),
      this.#clock,
      {
        changed: () => this.#placeChanged(place),
        answered: () => this.#events.room(),
        lost: (sent) => this.#events.lost(sent),
        ended: (reason, kind) => {
          this.#ends.set(kind, (this.#ends.get(kind) ?? 0) + 1);
          this.#lastEnd = { at: this.#clock.now(), reason };
        },
      },
    );
    this.#places.set(endpoint, place);
    place.start();
  }

  /** It gets no more requests, and is left when it has answered those that it has. */
  #dismiss(place: EndpointPlace): void {
    this.#places.delete(place.endpoint);
    if (place.connection === undefined || place.connection.load === 0) return place.stop();
    this.#leaving.set(place, this.#clock.now() + LEAVES_WITHIN_MS);
    return undefined;
  }

  #placeChanged(place: EndpointPlace): void {
    if (place.connection !== undefined && this.#places.get(place.endpoint) === place)
      this.#events.ready(place.connection);
    this.#notify();
  }

  #notify(): void {
    for (const resolve of this.#changed.splice(0)) resolve();
  }

  /** Of one that says nothing the requests are given to another as well; whoever answers first has answered. */
  #watch(place: EndpointPlace, now: number): void {
    const { connection } = place;
    if (connection === undefined) return;
    place.isSilent = isSilent(connection, now);
    if (!place.isSilent) return;
    if (hangs(connection, now))
      return place.giveUp(
        `${place.endpoint} had answered nothing for ${(connection.silence(now) / 1_000).toFixed(1)} s while requests waited`,
      );
    const hasOther = this.#all().some((other) => other.connection !== undefined && !other.isSilent);
    if (hasOther || this.#leaving.has(place)) this.#events.lost(connection.waitedFor());
  }
}
