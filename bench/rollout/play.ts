import { exponential, type Random } from "./random.ts";

export type Arm = "champion" | "challenger";

/** One request on its way through the model of the router. Times in seconds since the rollout began. */
export interface Request {
  at: number;
  /** In [0, 1): what the arm is drawn by; a sticky caller's own fixed point. The challenger has [0, share). */
  point: number;
  caller: number;
  arm: Arm;
  /** With which probability this unit went to the challenger: what a test must condition on. */
  share: number;
  /** False for what is no unit of the test: a sticky caller's later requests. */
  isUnit: boolean;
  endsAt: number;
  failed: boolean;
  /** Left by its caller before it ended. */
  aborted: boolean;
  /** Milliseconds; of an aborted one how long its caller waited. */
  latency: number;
  loss: number;
  /** When its label comes; Infinity: never. */
  labelAt: number;
}

/** What asks and how it is answered. Made anew for each rollout, since it has a past. */
export interface World {
  /** Requests per second at a time, and the most there ever are. */
  rate(at: number): number;
  readonly peak: number;
  /** Sticky callers, drawn alike; absent: every request is drawn on its own. */
  readonly callers?: number;
  /**
   * Fills in how a request ends. Draws equally many numbers whatever the arm, so that every way to decide sees the
   * same requests.
   */
  answer(request: Request, random: Random): void;
}

/** Whoever watches a rollout and moves its share: the product's judge, a peer's rule, an invalid test. */
export interface Decider {
  /** Of the challenger, for new requests. */
  readonly share: number;
  readonly isDone: boolean;
  /** Seconds; Infinity: only requests wake it. */
  readonly nextTick: number;
  assigned(request: Request): void;
  ended(request: Request, at: number): void;
  labelled(request: Request, at: number): void;
  tick(at: number): void;
}

export interface Span {
  /** Before the rollout begins: the champion has all. */
  baseline: number;
  seconds: number;
}

/**
 * How sticky callers become units. `conditional`: by the first request at each share, with the probability of being
 * moved given where the caller was (0.20/0.95 from 5 to 25 %); callers who stay bring nothing new. `request`:
 * every request as if drawn anew, which is invalid.
 */
export type StickyUnits = "conditional" | "request";

/** Plays requests through the router's model until the decider is done or the time is over. Answers when it ended. */
export function play(
  world: World,
  decider: Decider,
  random: Random,
  span: Span,
  sticky: StickyUnits = "conditional",
): number {
  const queue = new EventQueue();
  const callers = new Callers(world.callers ?? 0, sticky);
  let at = -span.baseline;
  let arrival = nextArrival(world, random, at);
  while (!decider.isDone) {
    const event = queue.nextAt;
    const tick = decider.nextTick;
    const next = Math.min(arrival, event, tick);
    if (next >= span.seconds) return span.seconds;
    at = next;
    if (tick === next) {
      decider.tick(at);
    } else if (event === next) {
      const { request, isLabel } = queue.take();
      if (isLabel) decider.labelled(request, at);
      else end(request, decider, queue, at);
    } else {
      const request = callers.request(at, decider.share, random);
      world.answer(request, random);
      arrival = nextArrival(world, random, at);
      decider.assigned(request);
      if (request.endsAt <= at) end(request, decider, queue, at);
      else queue.add(request.endsAt, request, false);
    }
  }
  return at;
}

function end(request: Request, decider: Decider, queue: EventQueue, at: number): void {
  if (request.labelAt < Infinity) queue.add(Math.max(at, request.labelAt), request, true);
  decider.ended(request, at);
}

/** Thinning of a Poisson process at the highest rate (Lewis and Shedler). */
function nextArrival(world: World, random: Random, from: number): number {
  let at = from;
  for (;;) {
    at += exponential(random.next(), world.peak);
    const rate = world.rate(at);
    if (rate >= world.peak || random.next() * world.peak < rate) return at;
  }
}

/** Who asks, and whether that is a unit of the test. */
class Callers {
  readonly #points: Float64Array;
  /** Share at which each caller was last counted; 0: not yet. */
  readonly #countedAt: Float64Array;
  readonly #sticky: StickyUnits;

  constructor(count: number, sticky: StickyUnits) {
    this.#points = new Float64Array(count).fill(-1);
    this.#countedAt = new Float64Array(count);
    this.#sticky = sticky;
  }

  request(at: number, share: number, random: Random): Request {
    const count = this.#points.length;
    const caller = count === 0 ? -1 : Math.floor(random.next() * count);
    let point = random.next();
    let isUnit = true;
    let drawnAt = share;
    if (caller >= 0) {
      const own = this.#points[caller] ?? -1;
      if (own < 0) this.#points[caller] = point;
      else point = own;
      if (this.#sticky === "conditional" && share > 0) {
        const counted = this.#countedAt[caller] ?? 0;
        isUnit = share > counted && point >= counted;
        if (isUnit) drawnAt = (share - counted) / (1 - counted);
        this.#countedAt[caller] = Math.max(counted, share);
      }
    }
    return {
      at,
      point,
      caller,
      arm: point < share ? "challenger" : "champion",
      share: drawnAt,
      isUnit,
      endsAt: at,
      failed: false,
      aborted: false,
      latency: 0,
      loss: 0,
      labelAt: Infinity,
    };
  }
}

/** Binary heap of what is still to happen. */
class EventQueue {
  readonly #times: number[] = [];
  readonly #events: { request: Request; isLabel: boolean }[] = [];

  get nextAt(): number {
    return this.#times[0] ?? Infinity;
  }

  add(at: number, request: Request, isLabel: boolean): void {
    let i = this.#times.length;
    this.#times.push(at);
    this.#events.push({ request, isLabel });
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (this.#times[parent]! <= at) break;
      this.#swap(i, parent);
      i = parent;
    }
  }

  take(): { request: Request; isLabel: boolean } {
    const first = this.#events[0]!;
    const lastTime = this.#times.pop()!;
    const lastEvent = this.#events.pop()!;
    const length = this.#times.length;
    if (length > 0) {
      this.#times[0] = lastTime;
      this.#events[0] = lastEvent;
      let i = 0;
      for (;;) {
        let child = 2 * i + 1;
        if (child >= length) break;
        if (child + 1 < length && this.#times[child + 1]! < this.#times[child]!) child++;
        if (this.#times[child]! >= lastTime) break;
        this.#swap(i, child);
        i = child;
      }
    }
    return first;
  }

  #swap(a: number, b: number): void {
    const time = this.#times[a]!;
    this.#times[a] = this.#times[b]!;
    this.#times[b] = time;
    const event = this.#events[a]!;
    this.#events[a] = this.#events[b]!;
    this.#events[b] = event;
  }
}
