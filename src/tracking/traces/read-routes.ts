import type { ReadTx } from "../../store/database.ts";
import type { TrackingDeps } from "../deps.ts";
import { experimentNumber } from "../experiments/queries.ts";
import { invalid, missing } from "../wire/errors.ts";
import {
  count,
  messages,
  optionalBoolean,
  optionalMessage,
  optionalString,
  string,
  stringOrEmpty,
  strings,
  type Fields,
} from "../wire/fields.ts";
import type { MlflowCall, MlflowRoute } from "../wire/routes.ts";
import { correlate } from "./correlation.ts";
import { oldTraceInfos, traceInfos } from "./messages.ts";
import { traceMetrics } from "./metrics/routes.ts";
import { checkTraceId, traceRow, traceRows, type TraceRow } from "./rows.ts";
import { searchTraces } from "./search/search.ts";
import { completeTraces, traceMessages, type TraceMessage } from "./span-queries.ts";

/** Traces of one page, and of one request that names them. */
const MAX_RESULTS = 500;
const MAX_IDS = 1000;
const MAX_EXPERIMENTS = 1000;
/** Spans and the trace itself come by different requests: how long, and how often, one who asks for both waits. */
const WAIT_MS = [200, 800, 2000];

export function readRoutes(deps: TrackingDeps): MlflowRoute[] {
  const { db } = deps;
  const infoOf = (
    { params, workspace }: MlflowCall,
    build: (tx: ReadTx, rows: readonly TraceRow[]) => Promise<object[]>,
  ): Promise<object> => {
    const traceId = checkTraceId(params["traceId"] ?? "");
    return db.read(async (tx) => (await build(tx, [await traceRow(tx, workspace, traceId)]))[0] ?? {});
  };
  return [
    {
      method: "POST",
      path: "traces/search",
      access: "read",
      async handle(call) {
        const locations = messages(call.fields, "locations");
        if (locations.length === 0) throw invalid("Missing value for required parameter 'locations'.");
        return search(deps, call, locations.flatMap(experimentOf), traceInfos);
      },
    },
    {
      method: "GET",
      path: "traces",
      access: "read",
      async handle(call) {
        const ids = strings(call.fields, "experiment_ids");
        if (ids.length === 0) throw invalid("Missing value for required parameter 'experiment_ids'.");
        return search(deps, call, ids, oldTraceInfos);
      },
    },
    { method: "GET", path: "traces/get", access: "read", handle: (call) => whole(deps, call) },
    {
      method: "GET",
      path: "traces/batchGet",
      access: "read",
      async handle(call) {
        return db.read(async (tx) => {
          const rows = await completeTraces(tx, await named(tx, call));
          return { traces: await traceMessages(tx, rows) };
        });
      },
    },
    {
      method: "POST",
      path: "traces/batchGetInfos",
      access: "read",
      async handle(call) {
        return db.read(async (tx) => ({ trace_infos: await traceInfos(tx, await named(tx, call)) }));
      },
    },
    {
      method: "GET",
      path: "traces/:traceId",
      access: "read",
      handle: async (call) => ({ trace: { trace_info: await infoOf(call, traceInfos) } }),
    },
    {
      method: "GET",
      path: "traces/:traceId/info",
      access: "read",
      handle: async (call) => ({ trace_info: await infoOf(call, oldTraceInfos) }),
    },
    { method: "POST", path: "traces/metrics", access: "read", handle: (call) => traceMetrics(deps, call) },
    {
      method: "POST",
      path: "traces/calculate-filter-correlation",
      access: "read",
      async handle({ fields, workspace }) {
        const ids = strings(fields, "experiment_ids");
        if (ids.length === 0) throw invalid("Missing value for required parameter 'experiment_ids'.");
        const args = {
          workspace,
          experimentIds: experimentNumbers(ids),
          first: string(fields, "filter_string1"),
          second: string(fields, "filter_string2"),
          base: stringOrEmpty(fields, "base_filter"),
        };
        return db.read((tx) => correlate(tx, args));
      },
    },
  ];
}

function experimentOf(location: Fields): string[] {
  const experiment = optionalMessage(location, "mlflow_experiment");
  return experiment ? [string(experiment, "experiment_id")] : [];
}

export function experimentNumbers(ids: readonly string[]): number[] {
  if (ids.length > MAX_EXPERIMENTS)
    throw invalid(`At most ${MAX_EXPERIMENTS} experiments can be searched at once.`);
  return ids.map(experimentNumber);
}

async function search(
  { db }: TrackingDeps,
  { fields, workspace }: MlflowCall,
  experimentIds: readonly string[],
  build: (tx: ReadTx, rows: readonly TraceRow[]) => Promise<object[]>,
): Promise<object> {
  const args = {
    workspace,
    experimentIds: experimentNumbers(experimentIds),
    filter: stringOrEmpty(fields, "filter"),
    orderBy: strings(fields, "order_by"),
    limit: count(fields, "max_results", 100, MAX_RESULTS),
    pageToken: optionalString(fields, "page_token"),
  };
  return db.read(async (tx) => {
    const { rows, token } = await searchTraces(tx, args);
    return { traces: await build(tx, rows), ...(token === undefined ? {} : { next_page_token: token }) };
  });
}

/** The traces that a request names, in its order; the experiments that it may name narrow them down. */
async function named(tx: ReadTx, { fields, workspace }: MlflowCall): Promise<TraceRow[]> {
  const ids = strings(fields, "trace_ids").map(checkTraceId);
  if (ids.length === 0) throw invalid("Missing value for required parameter 'trace_ids'.");
  if (ids.length > MAX_IDS) throw invalid(`At most ${MAX_IDS} traces can be asked for at once.`);
  const experiments = strings(fields, "experiment_ids");
  const within = new Set(experimentNumbers(experiments));
  const rows = await traceRows(tx, workspace, ids);
  return experiments.length === 0 ? rows : rows.filter((row) => within.has(row.experiment_id));
}

/** A trace with its spans; waits a little for those that are still on their way. */
async function whole({ db, clock }: TrackingDeps, { fields, workspace }: MlflowCall): Promise<object> {
  const traceId = checkTraceId(string(fields, "trace_id"));
  const allowPartial = optionalBoolean(fields, "allow_partial") ?? false;
  const read = (): Promise<TraceMessage[]> =>
    db.read(async (tx) => {
      const row = await traceRow(tx, workspace, traceId);
      return traceMessages(tx, allowPartial ? [row] : await completeTraces(tx, [row]));
    });
  for (const ms of [...WAIT_MS, null]) {
    const [trace] = await read();
    if (trace) return { trace };
    if (ms !== null) await clock.sleep(ms);
  }
  throw missing(`Trace with ID ${traceId} is not fully exported yet, please try again later.`);
}
