import type { Decider, Request } from "../play.ts";
import { mannWhitneyShift, ROOT_ACCURACY } from "./mann-whitney.ts";

/**
 * Kayenta with its default judge (NetflixACAJudge-v1.0), as documented.
 *
 * Rule of a metric (spinnaker/kayenta, kayenta-judge/.../NetflixACAJudge.scala and MannWhitneyClassifier.scala):
 * Mann-Whitney U with `tolerance = 0.25, confLevel = 0.98`: High when the interval's lower end lies above a quarter
 * of the absolute Hodges-Lehmann estimate (and the ratio of means is at least the effect size 1.0); identical data,
 * or one value throughout: Pass; no data: Nodata. Score: share of the passing metrics among those with data, times
 * 100.
 *
 * Rule of the analysis ("Best practices for configuring canary", spinnaker.io/docs/guides/user/canary/best-practices):
 * "a good starting point is to have a canary lifetime of 3 hours, an interval of 1 hour"; "you need at least 50
 * pieces of time series data per metric": one a minute; "compare canary against baseline, not against production",
 * with the "same size of deployment, same type and amount of traffic". A run whose score lies below `marginal` (75)
 * fails the canary at once; the last run must reach `pass` (95).
 *
 * Assumed: the canary gets 10 % and a baseline as much, out of the champion's share; two metrics of equal weight,
 * per minute the percentage of failed requests and the mean duration, both with direction `increase`; each run
 * judges its own hour; a minute without requests has no point (nanStrategy `remove`); outliers are kept, as by
 * default. A classification that fails with an error (all observations tied) counts as no data. Where most minutes
 * have no failure at all, the ends of the interval and the estimate lie within the root finder's accuracy of zero, in
 * an order that means nothing: the lower end must be above the bound by more than that accuracy.
 */
export const KAYENTA = {
  share: 0.1,
  step: 60,
  interval: 3600,
  runs: 3,
  confidence: 0.98,
  tolerance: 0.25,
  marginal: 75,
  pass: 95,
};

type Classification = "pass" | "high" | "nodata";

export class Kayenta implements Decider {
  share = 0;
  isDone = false;
  nextTick = 0;
  rolledBackAt: number | null = null;
  promotedAt: number | null = null;
  readonly #series: Record<"canary" | "baseline", Series> = { canary: new Series(), baseline: new Series() };

  assigned(): void {}

  labelled(): void {}

  ended(request: Request): void {
    if (this.share === 0) return;
    if (request.arm === "challenger") this.#series.canary.add(request);
    else if (request.point < 2 * KAYENTA.share) this.#series.baseline.add(request);
  }

  tick(at: number): void {
    const { step, interval, runs } = KAYENTA;
    this.nextTick = at + step;
    if (this.share === 0) {
      this.share = KAYENTA.share;
      return;
    }
    this.#series.canary.closePoint();
    this.#series.baseline.closePoint();
    if (at % interval !== 0) return;
    const canary = this.#series.canary.takeRun();
    const baseline = this.#series.baseline.takeRun();
    const score = scoreOf([
      classify(canary.failed, baseline.failed),
      classify(canary.duration, baseline.duration),
    ]);
    const isLast = at >= runs * interval;
    if (score < KAYENTA.marginal || (isLast && score < KAYENTA.pass)) this.rolledBackAt = at;
    else if (isLast) this.promotedAt = at;
    this.isDone = this.rolledBackAt !== null || this.promotedAt !== null;
  }
}

/** High, Pass or Nodata of one metric, direction `increase`. */
export function classify(experiment: readonly number[], control: readonly number[]): Classification {
  if (experiment.length === 0 || control.length === 0) return "nodata";
  if (new Set([...experiment, ...control]).size === 1) return "pass";
  const sorted = (values: readonly number[]) => [...values].sort((a, b) => a - b).join();
  if (sorted(experiment) === sorted(control)) return "pass";
  const shift = mannWhitneyShift(experiment, control, KAYENTA.confidence);
  if (shift === undefined) return "nodata";
  const base = mean(control);
  const ratio = base === 0 ? 1 : mean(experiment) / base;
  const bound = KAYENTA.tolerance * Math.abs(shift.estimate) + ROOT_ACCURACY;
  return shift.low > bound && ratio >= 1 ? "high" : "pass";
}

/** 0 to 100; a run in which no metric has data scores 0, as the weighted sum over no group does. */
function scoreOf(classifications: readonly Classification[]): number {
  const known = classifications.filter((one) => one !== "nodata");
  return known.length === 0 ? 0 : (known.filter((one) => one === "pass").length / known.length) * 100;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** One server group's points per minute. */
class Series {
  #all = 0;
  #failed = 0;
  #milliseconds = 0;
  #run: { failed: number[]; duration: number[] } = { failed: [], duration: [] };

  add(request: Request): void {
    this.#all++;
    this.#milliseconds += request.latency;
    if (request.failed) this.#failed++;
  }

  closePoint(): void {
    if (this.#all > 0) {
      this.#run.failed.push((this.#failed / this.#all) * 100);
      this.#run.duration.push(this.#milliseconds / this.#all);
    }
    this.#all = this.#failed = this.#milliseconds = 0;
  }

  takeRun(): { failed: number[]; duration: number[] } {
    const run = this.#run;
    this.#run = { failed: [], duration: [] };
    return run;
  }
}
