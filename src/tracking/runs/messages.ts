import type { ReadTx } from "../../store/database.ts";
import { groupBy } from "../group.ts";
import { runInputs, type RunInputs } from "../inputs/queries.ts";
import { wireDouble } from "../wire/json.ts";
import type { KeyValue } from "../wire/limits.ts";
import { runEntries } from "./entries.ts";
import { runInfo, type RunRow } from "./queries.ts";

/** Runs whose data is fetched together; between two such groups other requests get their turn. */
const GROUP = 250;

interface LatestRow {
  rid: number;
  key: string;
  value: number;
  is_nan: number;
  timestamp: number;
  step: number;
}

/** MLflow's Run messages: info, latest metrics, params, tags, inputs and outputs. A bounded number of queries. */
export async function runMessages(tx: ReadTx, rows: readonly RunRow[]): Promise<object[]> {
  const found: object[] = [];
  for (let at = 0; at < rows.length; at += GROUP) {
    if (at > 0) await new Promise((resolve) => setImmediate(resolve));
    found.push(...(await groupMessages(tx, rows.slice(at, at + GROUP))));
  }
  return found;
}

/** The Run message of a run that was made just now: known without asking the database for it. */
export function newRunMessage(
  run: Omit<RunRow, "rid" | "status" | "end_time" | "lifecycle_stage" | "start_time"> & {
    start_time: number | bigint;
  },
  tags: readonly KeyValue[],
): object {
  const last = [...new Map(tags.map(({ key, value }) => [key, value]))].sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    info: runInfo({ ...run, status: "RUNNING", end_time: null, lifecycle_stage: "active" }),
    data: { metrics: [], params: [], tags: last.map(([key, value]) => ({ key, value })) },
    ...inputMessages(undefined),
  };
}

async function groupMessages(tx: ReadTx, rows: readonly RunRow[]): Promise<object[]> {
  const rids = rows.map((row) => row.rid);
  const marks = rids.map(() => "?").join(", ");
  const metrics = await tx.all<LatestRow>(
    `SELECT rid, key, value, is_nan, timestamp, step FROM latest_metrics WHERE rid IN (${marks}) ORDER BY rid, key`,
    rids,
  );
  const params = await runEntries(tx, "params", rids);
  const tags = await runEntries(tx, "tags", rids);
  const inputs = await runInputs(tx, rids);
  const metricsOf = groupBy(metrics, (metric) => metric.rid);
  return rows.map((row) => ({
    info: runInfo(row),
    data: {
      metrics: (metricsOf.get(row.rid) ?? []).map(metricMessage),
      params: params.get(row.rid) ?? [],
      tags: tags.get(row.rid) ?? [],
    },
    ...inputMessages(inputs.get(row.rid)),
  }));
}

function metricMessage(row: LatestRow): object {
  return {
    key: row.key,
    value: wireDouble(row.value, row.is_nan),
    timestamp: row.timestamp,
    step: row.step,
  };
}

function inputMessages(inputs: RunInputs | undefined): object {
  return {
    inputs: { dataset_inputs: inputs?.datasets ?? [], model_inputs: inputs?.models ?? [] },
    outputs: { model_outputs: inputs?.outputs ?? [] },
  };
}
