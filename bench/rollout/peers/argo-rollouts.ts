import type { Decider, Request } from "../play.ts";

/**
 * Argo Rollouts with background analysis, as documented.
 *
 * Rule, from the first example of "Analysis & Progressive Delivery" (argoproj/argo-rollouts,
 * docs/features/analysis.md, "Background Analysis"): steps `setWeight` 20, 40, 60, 80, each with
 * `pause: {duration: 10m}`; `startingStep: 2` ("delay starting analysis run until setWeight: 40%"); the template
 * `success-rate` with `interval: 5m`, `successCondition: result[0] >= 0.95`, `failureLimit: 3`, and the query
 * `sum(irate(istio_requests_total{...response_code!~"5.*"}[5m])) / sum(irate(istio_requests_total{...}[5m]))`.
 * There are no defaults to take instead: a metric has no default condition, and `failureLimit` defaults to 0, which
 * is stricter.
 *
 * As the controller plays it: a metric fails when its failed measurements exceed failureLimit ("the maximum number
 * of failed run an analysis is allowed": the fourth one); a failed analysis aborts the rollout; the end of the steps
 * promotes. NaN, which the query gives when there was no request, is a failed measurement under that
 * successCondition ("Handling Metric Results", NaN).
 *
 * Assumed: the service named in `service-name` is the canary's own (the example's would mix in the stable version,
 * which would hide every fault); the first measurement is taken when the analysis begins; a weight is in force at
 * once. `irate` looks at the last two scrapes only: with `window: 15` that is what the published query reads where
 * Prometheus scrapes every 15 s, as Istio's sample configuration does; `window: 300` is what its author may have
 * meant, and is kinder.
 */
export const ARGO_ROLLOUTS = {
  weights: [20, 40, 60, 80],
  pause: 600,
  startingStep: 1,
  interval: 300,
  successRate: 0.95,
  failureLimit: 3,
};

export class ArgoRollouts implements Decider {
  share = 0;
  isDone = false;
  nextTick = 0;
  rolledBackAt: number | null = null;
  promotedAt: number | null = null;
  failed = 0;
  /** Seconds before a measurement that its query reads. */
  readonly #window: number;
  #ends: { at: number; failed: boolean }[] = [];

  constructor(window: number) {
    this.#window = window;
  }

  assigned(): void {}

  labelled(): void {}

  ended(request: Request, at: number): void {
    if (request.arm === "challenger") this.#ends.push({ at, failed: request.failed });
  }

  tick(at: number): void {
    const { weights, pause, startingStep, interval } = ARGO_ROLLOUTS;
    this.nextTick = at + interval;
    if (at >= startingStep * pause && !this.#isSuccess(at)) this.failed++;
    this.#ends = [];
    if (this.failed > ARGO_ROLLOUTS.failureLimit) {
      this.rolledBackAt = at;
      this.isDone = true;
      return;
    }
    const step = Math.floor(at / pause);
    if (step >= weights.length) {
      this.promotedAt = at;
      this.isDone = true;
    } else {
      this.share = weights[step]! / 100;
    }
  }

  #isSuccess(now: number): boolean {
    let all = 0;
    let good = 0;
    for (const { at, failed } of this.#ends) {
      if (at <= now - this.#window) continue;
      all++;
      if (!failed) good++;
    }
    return all > 0 && good / all >= ARGO_ROLLOUTS.successRate;
  }
}
