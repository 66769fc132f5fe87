import { quantile } from "../confidence.ts";
import type { Decider, Request } from "../play.ts";

/**
 * Flagger's canary analysis with its built-in metrics, as documented.
 *
 * Rule, from the example of "How it works" (fluxcd/flagger, docs/gitbook/usage/how-it-works.md):
 * `analysis: { interval: 1m, threshold: 10, maxWeight: 50, stepWeight: 5, metrics: [ { name: request-success-rate,
 * thresholdRange: { min: 99 }, interval: 1m }, { name: request-duration, thresholdRange: { max: 500 }, interval: 1m } ] }`.
 * `threshold` is the "max number of failed metric checks before rollback"; it has no default that anybody would use.
 *
 * As the controller plays it (pkg/controller/scheduler.go, scheduler_metrics.go):
 * - every interval, first: `FailedChecks >= threshold` rolls back;
 * - with no weight yet: the first step's weight, without a check;
 * - a failed check adds one to FailedChecks and halts the advance; a passed one never takes one off;
 * - a passed check adds stepWeight; passed at maxWeight: promoted;
 * - no value, or NaN, "probably not receiving traffic", is a failed check (pkg/metrics/providers/prometheus.go:
 *   `value == nil || math.IsNaN(*value)` is ErrNoValuesFound).
 *
 * Assumed in its favour: exact counts of the last minute instead of a scraped and extrapolated rate(), the exact
 * 99th percentile instead of one between histogram buckets, no delay of scraping. A weight is in force at once.
 */
export const FLAGGER = {
  interval: 60,
  threshold: 10,
  maxWeight: 50,
  stepWeight: 5,
  minSuccessRate: 99,
  maxDuration: 500,
};

export class Flagger implements Decider {
  share = 0;
  isDone = false;
  nextTick = 0;
  rolledBackAt: number | null = null;
  promotedAt: number | null = null;
  failedChecks = 0;
  #failed = 0;
  #durations: number[] = [];

  assigned(): void {}

  labelled(): void {}

  ended(request: Request): void {
    if (request.arm !== "challenger") return;
    this.#durations.push(request.latency);
    if (request.failed) this.#failed++;
  }

  tick(at: number): void {
    this.nextTick = at + FLAGGER.interval;
    const weight = Math.round(this.share * 100);
    if (this.failedChecks >= FLAGGER.threshold) return this.#end(() => (this.rolledBackAt = at));
    if (weight > 0 && !this.#passes()) this.failedChecks++;
    else if (weight < FLAGGER.maxWeight) this.share = (weight + FLAGGER.stepWeight) / 100;
    else this.#end(() => (this.promotedAt = at));
    this.#failed = 0;
    this.#durations = [];
  }

  #passes(): boolean {
    const all = this.#durations.length;
    if (all === 0) return false;
    if ((1 - this.#failed / all) * 100 < FLAGGER.minSuccessRate) return false;
    // The observer cuts to whole milliseconds.
    return Math.floor(quantile(this.#durations, 0.99)) <= FLAGGER.maxDuration;
  }

  #end(decide: () => void): void {
    decide();
    this.isDone = true;
  }
}
