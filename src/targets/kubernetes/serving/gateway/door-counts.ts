import type { SettledInterval } from "../../../../serving/admin/calls.ts";
import type { OutcomeCounter, OutcomeReport } from "../../../../serving/outcomes.ts";
import { OutcomeMerge } from "../merge-outcomes.ts";
import { isOpenEpoch, leftOutEpoch } from "./epochs.ts";
import type { Arms } from "./observed-share.ts";

/** Intervals whose share is remembered, of all services: far more than end while a pod goes. */
const MOST_DECIDED = 500;

/**
 * What model pods counted of the requests that a gateway sent them. Units of an interval are told once their share is known,
 * and then under that share alone, so that each is counted once, whatever dies in between.
 */
export class DoorCounts {
  readonly #merge: OutcomeMerge;
  /** Newest last: a pod that goes may not have been read since. */
  readonly #decided: SettledInterval[] = [];

  constructor(incarnation: string) {
    this.#merge = new OutcomeMerge(incarnation);
  }

  /** Answers what is to be kept: of the process that was in the pod before. */
  observe(pod: string, report: OutcomeReport): OutcomeReport[] {
    return this.#kept(this.#merge.observe(pod, report));
  }

  /** A pod is gone; answers what is to be kept. */
  leave(pod: string): OutcomeReport[] {
    return this.#kept(this.#merge.leave(pod));
  }

  /** Units that began under an epoch, whether their pods are still there or not. */
  started(service: string, epoch: string): Arms {
    const arms = { champion: 0, challenger: 0 };
    for (const { counters } of this.#merge.all())
      for (const counter of counters)
        if (counter.service === service && counter.epoch === epoch) arms[counter.arm] += counter.started;
    return arms;
  }

  /** Of pods that are gone, nobody can be told what an interval's share was; answers what is to be kept anew. */
  settle(interval: SettledInterval): OutcomeReport[] {
    this.#decided.push(interval);
    if (this.#decided.length > MOST_DECIDED) this.#decided.shift();
    return this.#merge.rewriteGone((report) => settled(report, interval));
  }

  /** Without what isn't told yet. */
  report(at: number): OutcomeReport {
    const report = this.#merge.report(at);
    return { ...report, counters: report.counters.filter(({ epoch }) => !isOpenEpoch(epoch)) };
  }

  #kept(ended: OutcomeReport | undefined): OutcomeReport[] {
    if (ended === undefined) return [];
    for (const interval of this.#decided) this.#merge.rewriteGone((report) => settled(report, interval));
    return this.#merge.all().filter(({ incarnation }) => incarnation === ended.incarnation);
  }
}

/** Intervals that nobody will say the share of any more: their leader is gone. */
export function withoutShare(counters: readonly OutcomeCounter[]): OutcomeCounter[] {
  return counters.map((counter) =>
    isOpenEpoch(counter.epoch) ? { ...counter, epoch: leftOutEpoch(counter.epoch) } : counter,
  );
}

/** Undefined: it has nothing of that interval. */
function settled(
  report: OutcomeReport,
  { service, from, to, share }: SettledInterval,
): OutcomeReport | undefined {
  if (!report.counters.some((one) => one.service === service && one.epoch === from)) return undefined;
  const cells = new Map<string, OutcomeCounter>();
  for (const counter of report.counters) {
    const isMeant = counter.service === service && counter.epoch === from;
    const cell = isMeant ? { ...counter, epoch: to, share } : counter;
    const key = JSON.stringify([cell.service, cell.version, cell.arm, cell.epoch, cell.share]);
    const before = cells.get(key);
    cells.set(key, before === undefined ? cell : sumOf(before, cell));
  }
  return { ...report, counters: [...cells.values()] };
}

function sumOf(a: OutcomeCounter, b: OutcomeCounter): OutcomeCounter {
  const warmUp = histogramSum(a.warmUp, b.warmUp);
  return {
    ...a,
    started: a.started + b.started,
    finished: a.finished + b.finished,
    failed: a.failed + b.failed,
    aborted: a.aborted + b.aborted,
    fellBack: a.fellBack + b.fellBack,
    leftFailed: (a.leftFailed ?? 0) + (b.leftFailed ?? 0),
    stopped: (a.stopped ?? 0) + (b.stopped ?? 0),
    latency: histogramSum(a.latency, b.latency),
    abortedLatency: histogramSum(a.abortedLatency, b.abortedLatency),
    warmUp,
  };
}

type Histogram = OutcomeCounter["latency"];

function histogramSum(
  a: Histogram = { counts: [], sum: 0 },
  b: Histogram = { counts: [], sum: 0 },
): Histogram {
  const counts = new Map(a.counts);
  for (const [bucket, count] of b.counts) counts.set(bucket, (counts.get(bucket) ?? 0) + count);
  return { counts: [...counts].sort(([x], [y]) => x - y), sum: a.sum + b.sum };
}
