import type { Exposition } from "../monitoring/exposition.ts";
import type { MetricSource } from "../monitoring/metrics-routes.ts";
import { addProcess } from "../monitoring/process-metrics.ts";
import type { ServingBackend, TrafficRule, VariantState, WorkerState } from "./backend.ts";
import type { ServingFigures } from "./figures.ts";
import { addOutcomes } from "./outcome-metrics.ts";

export interface ServingMetricsDeps {
  backend: Pick<ServingBackend, "outcomes" | "state"> & { figures(): Promise<ServingFigures> };
  /** There are several processes that serve, and each tells of its own memory. */
  areSeveral?: boolean;
}

/** What serve and its workers have counted; that serve doesn't answer is one of the metrics. */
export function servingMetrics({ backend, areSeveral = false }: ServingMetricsDeps): MetricSource {
  return async (page) => {
    const figures = await backend.figures().catch(() => undefined);
    if (!areSeveral) addProcess(page, "serve", figures?.process);
    else page.add("slipway_process_up", { process: "serve" }, figures === undefined ? 0 : 1);
    if (figures === undefined) return;
    const [report, state] = await Promise.all([backend.outcomes(), backend.state()]);
    addOutcomes(page, report);
    addFigures(page, figures);
    for (const rule of state.rules) addTraffic(page, rule);
    for (const variant of state.variants) addWorkers(page, variant);
  };
}

function addFigures(page: Exposition, { requests, services, variants, spans }: ServingFigures): void {
  for (const { count, version, ...labels } of requests)
    page.add(
      "slipway_prediction_requests_total",
      { ...labels, version: version === 0 ? "" : version },
      count,
    );
  for (const { name, isReady } of services)
    page.add("slipway_service_ready", { service: name }, isReady ? 1 : 0);
  for (const { service, version, runs, ends } of variants) {
    page.addHistogram("slipway_prediction_queue_seconds", { service, version }, runs.queue);
    page.addHistogram("slipway_prediction_compute_seconds", { service, version }, runs.compute);
    page.addHistogram("slipway_batch_requests", { service, version }, runs.batch);
    for (const [reason, count] of Object.entries(ends))
      page.add("slipway_worker_ends_total", { service, version, reason }, count);
  }
  for (const [result, count] of Object.entries(spans ?? {}))
    page.add("slipway_trace_spans_total", { result }, count);
}

function addTraffic(page: Exposition, { service, champion, challenger, share }: TrafficRule): void {
  page.add("slipway_service_traffic_ratio", { service, version: champion, arm: "champion" }, 1 - share);
  if (challenger === undefined) return;
  page.add("slipway_service_traffic_ratio", { service, version: challenger, arm: "challenger" }, share);
}

const STATES: readonly WorkerState["state"][] = ["starting", "ready", "backing-off", "stopping"];

function addWorkers(page: Exposition, { service, version, workers }: VariantState): void {
  for (const state of STATES) {
    const count = workers.filter((worker) => worker.state === state).length;
    page.add("slipway_workers", { service, version, state }, count);
  }
}
