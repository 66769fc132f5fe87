import {
  LATENCY_BUCKETS,
  latencyEdge,
  type OutcomeCounter,
  type OutcomeReport,
} from "../serving/outcomes.ts";

/** What a service's counters say of its traffic. */
export interface MeteredTraffic {
  /** Units that a test could count: requests, or callers' first requests where the service is sticky. */
  requestsPerSecond: number;
  /** Champion's share of failed requests. */
  errorRate: number;
  /** Milliseconds, of the champion; undefined without an answer. */
  latency?: { p50: number; p95: number; p99: number };
}

/** Milliseconds in which what was seen falls to 1/e. */
const MEMORY_MS = 600_000;
/** Services that are kept; beyond that the one that was seen longest ago is forgotten. */
const MAX_SERVICES = 1000;
/** Fewer recent units than this say less about errors and latency than all since the process began. */
const ENOUGH_UNITS = 50;
/** Until this many units are known, one in a hundred is taken to fail. */
const PRIOR = { units: 100, failed: 1 };
/** Less than this is nothing: a unit in a day. */
const LEAST_PER_SECOND = 1 / 86_400;

/** Sums over a service's counters. */
interface Sums {
  units: number;
  champion: number;
  failed: number;
  /** Champion's answers by latency bucket. */
  latency: Float64Array;
}

interface Meter {
  seenAt: number;
  /** Decayed milliseconds that were watched, and what came in them. */
  watched: number;
  recent: Sums;
  totals: Sums;
}

/**
 * Requests per second, errors and latency of every service, from the reports that a backend gives: feed it one every
 * few seconds. What is older than about ten minutes is forgotten; while little is known of that time, the counters'
 * totals speak. Bounded by MAX_SERVICES. Pure arithmetic: it reads no clock.
 */
export class TrafficMeter {
  readonly #meters = new Map<string, Meter>();
  #incarnation: string | undefined;
  #at: number | undefined;
  #edges: readonly number[] | undefined;

  observe(report: OutcomeReport): void {
    const isSame = this.#incarnation === report.incarnation && this.#at !== undefined;
    const elapsed = isSame ? Math.max(0, report.at - (this.#at ?? report.at)) : 0;
    const totals = new Map<string, Sums>();
    for (const counter of report.counters) {
      const sums = totals.get(counter.service) ?? empty();
      totals.set(counter.service, add(sums, counter));
    }
    for (const name of totals.keys()) if (!this.#meters.has(name)) this.#begin(name, report.at);
    for (const [name, meter] of this.#meters)
      this.#meters.set(name, next(meter, totals.get(name), { elapsed, isSame, at: report.at }));
    this.#incarnation = report.incarnation;
    this.#at = report.at;
    this.#edges = report.edges;
  }

  /** Undefined while a service has not been watched for any time, or never answered. */
  of(service: string): MeteredTraffic | undefined {
    const meter = this.#meters.get(service);
    if (meter === undefined || meter.watched === 0 || meter.totals.units === 0) return undefined;
    const { recent, totals } = meter;
    const told = recent.champion >= ENOUGH_UNITS ? recent : totals;
    const perSecond = recent.units / (meter.watched / 1000);
    const missing = Math.max(0, 1 - told.champion / PRIOR.units);
    const failed = told.failed + PRIOR.failed * missing;
    const latency = percentiles(told.latency, this.#edges);
    return {
      requestsPerSecond: perSecond < LEAST_PER_SECOND ? 0 : perSecond,
      errorRate: failed / Math.max(PRIOR.units, told.champion),
      ...(latency ? { latency } : {}),
    };
  }

  #begin(name: string, at: number): void {
    if (this.#meters.size >= MAX_SERVICES) {
      const [oldest] = [...this.#meters].sort(([, a], [, b]) => a.seenAt - b.seenAt);
      if (oldest) this.#meters.delete(oldest[0]);
    }
    this.#meters.set(name, { seenAt: at, watched: 0, recent: empty(), totals: empty() });
  }
}

function empty(): Sums {
  return { units: 0, champion: 0, failed: 0, latency: new Float64Array(LATENCY_BUCKETS) };
}

function add(sums: Sums, counter: OutcomeCounter): Sums {
  // A sticky caller's later requests are no units of a test, but they tell how long the champion takes.
  const isUnit = !counter.epoch.endsWith("~");
  if (isUnit) sums.units += counter.finished + counter.aborted;
  if (counter.arm !== "champion") return sums;
  sums.champion += counter.finished;
  sums.failed += counter.failed;
  for (const [bucket, count] of counter.latency.counts)
    if (bucket >= 0 && bucket < LATENCY_BUCKETS) sums.latency[bucket] = (sums.latency[bucket] ?? 0) + count;
  return sums;
}

function next(
  meter: Meter,
  totals: Sums | undefined,
  step: { elapsed: number; isSame: boolean; at: number },
): Meter {
  const kept = Math.exp(-step.elapsed / MEMORY_MS);
  const now = totals ?? meter.totals;
  // A new process counts from zero, and what it has counted lies in a time that nobody watched.
  const wasWatched = step.isSame && step.elapsed > 0;
  return {
    seenAt: totals ? step.at : meter.seenAt,
    watched: meter.watched * kept + step.elapsed,
    recent: wasWatched ? blend(meter.recent, kept, now, meter.totals) : meter.recent,
    totals: now,
  };
}

/** What was kept, and what came since; a counter that fell (its cell was dropped) adds nothing. */
function blend(recent: Sums, kept: number, now: Sums, before: Sums): Sums {
  const grown = (a: number, b: number): number => Math.max(0, a - b);
  return {
    units: recent.units * kept + grown(now.units, before.units),
    champion: recent.champion * kept + grown(now.champion, before.champion),
    failed: recent.failed * kept + grown(now.failed, before.failed),
    latency: recent.latency.map(
      (count, i) => count * kept + grown(now.latency[i] ?? 0, before.latency[i] ?? 0),
    ),
  };
}

function percentiles(
  counts: Float64Array,
  edges: readonly number[] | undefined,
): MeteredTraffic["latency"] | undefined {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total <= 0) return undefined;
  const at = (share: number): number => {
    let sum = 0;
    let bucket = 0;
    for (; bucket < counts.length - 1; bucket++) {
      sum += counts[bucket] ?? 0;
      if (sum >= total * share) break;
    }
    const last = edges?.at(-1) ?? latencyEdge(LATENCY_BUCKETS - 1);
    return edges ? (edges[bucket] ?? last) : latencyEdge(bucket);
  };
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99) };
}
