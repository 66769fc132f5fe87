import type { Arm, Request, World } from "./play.ts";
import { exponential, normalQuantile, type Random } from "./random.ts";

/** How requests are answered; every part has a default that does nothing. */
export interface Behaviour {
  /** Probability that a request fails. */
  failure?: (arm: Arm, at: number, caller: number) => number;
  /** Milliseconds that an answer takes, from a uniform number. Without `seconds` it is over at once all the same. */
  latency?: (arm: Arm, at: number, uniform: number) => number;
  /** Seconds until a request ends, where it is to be under way meanwhile. */
  seconds?: (request: Request, uniform: number) => number;
  /** Milliseconds after which a caller goes away, from a uniform number. */
  patience?: (uniform: number) => number;
  labels?: Labels;
}

export interface Labels {
  /** Probability that the prediction is wrong. */
  wrong: (arm: Arm, at: number) => number;
  /** Share of the predictions whose label ever comes. */
  known: number;
  /** Seconds until it comes. */
  delay: (isWrong: boolean, uniform: number) => number;
}

/** Steady requests per second; `behaviour` says how they end. */
export function steady(rate: number, behaviour: Behaviour, callers?: number): World {
  return varying(rate, () => rate, behaviour, callers);
}

export function varying(
  peak: number,
  rate: (at: number) => number,
  behaviour: Behaviour,
  callers?: number,
): World {
  const { failure, latency, seconds, patience, labels } = behaviour;
  const answer = (request: Request, random: Random): void => {
    const { arm, at } = request;
    if (failure) request.failed = random.next() < failure(arm, at, request.caller);
    if (latency) request.latency = latency(arm, at, random.next());
    if (seconds) request.endsAt = at + seconds(request, random.next());
    if (patience) {
      const waits = patience(random.next());
      if (waits < request.latency) {
        request.aborted = true;
        request.latency = waits;
      }
    }
    if (!labels) return;
    request.loss = random.next() < labels.wrong(arm, at) ? 1 : 0;
    const isKnown = random.next() < labels.known;
    const delay = labels.delay(request.loss === 1, random.next());
    if (isKnown && !request.failed && !request.aborted) request.labelAt = at + delay;
  };
  return callers === undefined ? { peak, rate, answer } : { peak, rate, answer, callers };
}

/** Milliseconds of a log-normal distribution. */
export function logNormal(uniform: number, median: number, sigma: number): number {
  return median * Math.exp(sigma * normalQuantile(uniform));
}

/** Log-normal body, and one in twenty from a Pareto tail with infinite variance (index 1.5), from `median * 2` on. */
export function heavyTailed(uniform: number, median: number): number {
  if (uniform < 0.95) return logNormal(uniform / 0.95, median, 0.4);
  const left = (1 - uniform) / 0.05;
  return Math.min(60_000, median * 2 * Math.max(1e-9, left) ** (-1 / 1.5));
}

/** Times of trouble: begin as a Poisson process, last as long as given. Ask with times that don't fall. */
export function bursts(random: Random, every: number, lasting: number): (at: number) => boolean {
  let begin = -Infinity;
  let next = -3600 + exponential(random.next(), 1 / every);
  return (at) => {
    while (at >= next) {
      begin = next;
      next += lasting + exponential(random.next(), 1 / every);
    }
    return at < begin + lasting;
  };
}

/** A rate that swings between two values over a period, evenly on a logarithmic scale. */
export function swing(low: number, high: number, period: number, phase: number): (at: number) => number {
  const middle = Math.sqrt(low * high);
  const width = Math.log(high / low) / 2;
  return (at) => middle * Math.exp(width * Math.sin(2 * Math.PI * (at / period + phase)));
}

/**
 * Slowness that all requests of a service share and that comes and goes: e to an autoregressive noise, renewed each
 * second, decaying over half a minute.
 */
export function sharedSlowness(random: Random, sigma: number): (at: number) => number {
  const kept = Math.exp(-1 / 30);
  const fresh = sigma * Math.sqrt(1 - kept * kept);
  let second = -3600;
  let level = 0;
  let factor = 1;
  return (at) => {
    if (at - second > 1000) second = at - 200;
    while (at >= second + 1) {
      second++;
      level = kept * level + fresh * normalQuantile(random.next());
      factor = Math.exp(level);
    }
    return factor;
  };
}

/** First come, first served queues of the arms, each with its own workers; answers milliseconds from arrival to answer. */
export class Queues {
  readonly #freeAt: Record<Arm, number[]>;

  constructor(workers: Record<Arm, number>) {
    this.#freeAt = {
      champion: Array.from({ length: workers.champion }, () => -Infinity),
      challenger: Array.from({ length: workers.challenger }, () => -Infinity),
    };
  }

  serve(arm: Arm, at: number, milliseconds: number): number {
    const freeAt = this.#freeAt[arm];
    let soonest = 0;
    for (let i = 1; i < freeAt.length; i++) if (freeAt[i]! < freeAt[soonest]!) soonest = i;
    const begin = Math.max(at, freeAt[soonest]!);
    freeAt[soonest] = begin + milliseconds / 1000;
    return (begin - at) * 1000 + milliseconds;
  }
}
