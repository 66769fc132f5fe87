import type { ReadTx } from "../../store/database.ts";
import { runInputs, type RunInputs } from "../inputs/queries.ts";
import { jsonObject, type JsonText } from "../wire/json.ts";
import type { KeyValue } from "../wire/limits.ts";
import { runEntries } from "./entries.ts";
import { runInfo, type RunRow } from "./queries.ts";

/** Runs whose data is fetched together; between two such groups other requests get their turn. */
const GROUP = 250;

/** MLflow's Run messages as JSON: info, latest metrics, params, tags, inputs, outputs. A bounded number of queries. */
export async function runMessages(tx: ReadTx, rows: readonly RunRow[]): Promise<JsonText[]> {
  const found: JsonText[] = [];
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

async function groupMessages(tx: ReadTx, rows: readonly RunRow[]): Promise<JsonText[]> {
  const rids = rows.map((row) => row.rid);
  const metrics = await runEntries(tx, "latest_metrics", rids);
  const params = await runEntries(tx, "params", rids);
  const tags = await runEntries(tx, "tags", rids);
  const inputs = await runInputs(tx, rids);
  return rows.map((row) =>
    jsonObject({
      info: runInfo(row),
      data: jsonObject({
        metrics: metrics.of(row.rid),
        params: params.of(row.rid),
        tags: tags.of(row.rid),
      }),
      ...inputMessages(inputs.get(row.rid)),
    }),
  );
}

function inputMessages(inputs: RunInputs | undefined): object {
  return {
    inputs: { dataset_inputs: inputs?.datasets ?? [], model_inputs: inputs?.models ?? [] },
    outputs: { model_outputs: inputs?.outputs ?? [] },
  };
}
