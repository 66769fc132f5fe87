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
  /** How much of the watched time this meter has in its sums, and of which process's counters. */
  upTo: number;
  incarnation: string | undefined;
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
  /** Milliseconds that were watched, all together. */
  #elapsed = 0;
  #edges: readonly number[] | undefined;

  observe(report: OutcomeReport): void {
    const isSame = this.#incarnation === report.incarnation && this.#at !== undefined;
    const before = this.#elapsed;
    if (isSame) this.#elapsed += Math.max(0, report.at - (this.#at ?? report.at));
    const totals = new Map<string, Sums>();
    for (const counter of report.counters) {
      let sums = totals.get(counter.service);
      if (!sums) totals.set(counter.service, (sums = empty()));
      add(sums, counter);
    }
    for (const [name, sums] of totals) {
      const meter = this.#meters.get(name) ?? begun(before, isSame ? report.incarnation : undefined);
      if (!this.#meters.has(name)) this.#makeRoom();
      this.#meters.set(name, next(meter, sums, { ...report, upTo: this.#elapsed }));
    }
    this.#incarnation = report.incarnation;
    this.#at = report.at;
    this.#edges = report.edges;
  }

  /** Undefined while a service has not been watched for any time, or never answered. */
  of(service: string): MeteredTraffic | undefined {
    const meter = this.#meters.get(service);
    if (meter === undefined || meter.totals.units === 0) return undefined;
    const { recent, totals } = meter;
    // Of a service that the last reports didn't name, the time since counts as well.
    const { kept, lived } = decay(this.#elapsed - meter.upTo);
    const watched = meter.watched * kept + lived;
    if (watched === 0) return undefined;
    const told = recent.champion * kept >= ENOUGH_UNITS ? recent : totals;
    const perSecond = (recent.units * kept) / (watched / 1000);
    const missing = Math.max(0, 1 - told.champion / PRIOR.units);
    const failed = told.failed + PRIOR.failed * missing;
    const latency = percentiles(told.latency, this.#edges);
    return {
      requestsPerSecond: perSecond < LEAST_PER_SECOND ? 0 : perSecond,
      errorRate: failed / Math.max(PRIOR.units, told.champion),
      ...(latency ? { latency } : {}),
    };
  }

  #makeRoom(): void {
    if (this.#meters.size < MAX_SERVICES) return;
    let oldest: [name: string, seenAt: number] | undefined;
    for (const [name, { seenAt }] of this.#meters)
      if (oldest === undefined || seenAt < oldest[1]) oldest = [name, seenAt];
    if (oldest) this.#meters.delete(oldest[0]);
  }
}

/** Of a service that was never seen before: all that it has counted came since the last report. */
function begun(upTo: number, incarnation: string | undefined): Meter {
  return { seenAt: 0, upTo, incarnation, watched: 0, recent: empty(), totals: empty() };
}

function empty(): Sums {
  return { units: 0, champion: 0, failed: 0, latency: new Float64Array(LATENCY_BUCKETS) };
}

function add(sums: Sums, counter: OutcomeCounter): void {
  // A sticky caller's later requests are no units of a test, but they tell how long the champion takes.
  const isUnit = !counter.epoch.endsWith("~");
  if (isUnit) sums.units += counter.finished + counter.aborted;
  if (counter.arm !== "champion") return;
  sums.champion += counter.finished;
  sums.failed += counter.failed;
  for (const [bucket, count] of counter.latency.counts)
    if (bucket >= 0 && bucket < LATENCY_BUCKETS) sums.latency[bucket] = (sums.latency[bucket] ?? 0) + count;
}

/** What is left of a moment `elapsed` milliseconds ago, and of those milliseconds themselves: the integral. */
function decay(elapsed: number): { kept: number; lived: number } {
  const kept = Math.exp(-elapsed / MEMORY_MS);
  return { kept, lived: MEMORY_MS * (1 - kept) };
}

function next(
  meter: Meter,
  totals: Sums,
  { at, incarnation, upTo }: { at: number; incarnation: string; upTo: number },
): Meter {
  const elapsed = upTo - meter.upTo;
  const { kept, lived } = decay(elapsed);
  // A new process counts from zero, and what it has counted lies in a time that nobody watched.
  const wasWatched = meter.incarnation === incarnation && elapsed > 0;
  return {
    seenAt: at,
    upTo,
    incarnation,
    watched: meter.watched * kept + lived,
    recent: wasWatched
      ? blend(meter.recent, totals, meter.totals, { kept, weight: lived / elapsed })
      : scaled(meter.recent, kept),
    totals,
  };
}

function scaled({ units, champion, failed, latency }: Sums, kept: number): Sums {
  if (kept === 1) return { units, champion, failed, latency };
  return {
    units: units * kept,
    champion: champion * kept,
    failed: failed * kept,
    latency: latency.map((count) => count * kept),
  };
}

/**
 * What was kept, and what came since, as if it had come evenly; a counter that fell (its cell was dropped) adds nothing.
 * A plain loop over the buckets: this is done for every service every few seconds.
 */
function blend(recent: Sums, now: Sums, before: Sums, by: { kept: number; weight: number }): Sums {
  const blended = (old: number, a: number, b: number): number =>
    old * by.kept + (a > b ? (a - b) * by.weight : 0);
  const latency = new Float64Array(LATENCY_BUCKETS);
  for (let i = 0; i < LATENCY_BUCKETS; i++)
    latency[i] = blended(recent.latency[i] ?? 0, now.latency[i] ?? 0, before.latency[i] ?? 0);
  return {
    units: blended(recent.units, now.units, before.units),
    champion: blended(recent.champion, now.champion, before.champion),
    failed: blended(recent.failed, now.failed, before.failed),
    latency,
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
