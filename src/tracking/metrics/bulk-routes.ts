import type { TrackingDeps } from "../deps.ts";
import { invalid } from "../wire/errors.ts";
import { absent, optionalInt64, string, stringOrEmpty, strings, type Fields } from "../wire/fields.ts";
import type { MlflowCall, MlflowRoute } from "../wire/routes.ts";
import { bulkHistory, sampledHistory } from "./bulk.ts";

/** MLflow's limits. */
const MAX_RUNS = 100;
const MAX_POINTS = 25_000;
const MAX_POINTS_PER_RUN = 2500;

/** Histories of several runs at once, as MLflow's pages draw them. */
export function bulkMetricRoutes({ db }: TrackingDeps): MlflowRoute[] {
  function all({ fields, workspace }: MlflowCall): Promise<object> {
    const runIds = strings(fields, "run_id");
    if (runIds.length === 0) throw invalid("GetMetricHistoryBulk request must specify at least one run_id.");
    if (runIds.length > MAX_RUNS) {
      throw invalid(
        `GetMetricHistoryBulk request cannot specify more than ${MAX_RUNS} run_ids. Received ${runIds.length} run_ids.`,
      );
    }
    const key = stringOrEmpty(fields, "metric_key");
    if (key === "") throw invalid("GetMetricHistoryBulk request must specify a metric_key.");
    const asked = Number(optionalInt64(fields, "max_results") ?? MAX_POINTS);
    if (asked < 0) throw invalid("max_results must not be negative.");
    const limit = Math.min(asked, MAX_POINTS);
    return db.read((tx) => bulkHistory(tx, { workspace, runIds, key, limit }));
  }

  function sampled({ fields, workspace }: MlflowCall): Promise<object> {
    const runIds = strings(fields, "run_ids");
    if (runIds.length === 0) throw absent("run_ids");
    if (runIds.length > MAX_RUNS) {
      throw invalid(
        `GetMetricHistoryBulkInterval request must specify at most ${MAX_RUNS} run_ids. Received ${runIds.length} run_ids.`,
      );
    }
    const key = string(fields, "metric_key");
    const points = Number(optionalInt64(fields, "max_results") ?? MAX_POINTS_PER_RUN);
    if (points < 1 || points > MAX_POINTS_PER_RUN) {
      throw invalid(`max_results must be between 1 and ${MAX_POINTS_PER_RUN}.`);
    }
    const steps = interval(fields);
    return db.read((tx) => sampledHistory(tx, { workspace, runIds, key, points, steps }));
  }

  return [
    { method: "GET", path: "metrics/get-history-bulk", access: "read", handle: all },
    { method: "GET", path: "metrics/get-history-bulk-interval", access: "read", handle: sampled },
  ];
}

function interval(fields: Fields): { from: number | bigint; to: number | bigint } | undefined {
  const [from, to] = [optionalInt64(fields, "start_step"), optionalInt64(fields, "end_step")];
  if (from === undefined && to === undefined) return undefined;
  if (from === undefined || to === undefined) {
    throw invalid("If either start step or end step are specified, both must be specified.");
  }
  if (from > to) {
    throw invalid(`end_step must be greater than start_step. Found start_step=${from} and end_step=${to}.`);
  }
  return { from, to };
}
