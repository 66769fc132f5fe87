import { defineCommand } from "../../store/database.ts";
import { insertMetrics } from "../metrics/commands.ts";
import type { MetricPoint } from "../metrics/metric.ts";
import { insertParam } from "../params/commands.ts";
import { setRunTag } from "../tags/commands.ts";
import { invalid } from "../wire/errors.ts";
import { LIMITS, type KeyValue } from "../wire/limits.ts";
import { activeRun, runScope } from "./queries.ts";

export interface LogArgs {
  workspace: string;
  runId: string;
  metrics: MetricPoint[];
  params: KeyValue[];
  tags: KeyValue[];
}

/** Everything that one call logs to a tracking run: all of it or nothing. */
export const logToRun = defineCommand(
  "tracking.log",
  async (tx, args: LogArgs): Promise<void> => {
    const { workspace, runId } = args;
    const run = { ...(await activeRun(tx, workspace, runId)), workspace, runId };
    await Promise.all([
      ...args.params.map((param) => insertParam(tx, run, param)),
      ...args.tags.map((tag) => setRunTag(tx, run, tag)),
      insertMetrics(tx, run, args.metrics),
    ]);
  },
  { scope: runScope },
);

/** MLflow's limits of one batch, and its rule that a batch names a param once. */
export function checkBatch({ metrics, params, tags }: LogArgs): void {
  within(metrics.length, LIMITS.batchMetrics, "metrics");
  within(params.length, LIMITS.batchParams, "params");
  within(tags.length, LIMITS.batchTags, "tags");
  within(metrics.length + params.length + tags.length, LIMITS.batchEntities, "metrics, params, and tags");
  const keys = params.map(({ key }) => key);
  const repeated = keys.filter((key, index) => keys.indexOf(key) !== index);
  if (repeated.length > 0) {
    throw invalid(
      `Duplicate parameter keys have been submitted: [${repeated.map((key) => `'${key}'`).join(", ")}]. ` +
        "Please ensure the request contains only one param value per param key.",
    );
  }
}

/** As MLflow checks it in a batch. */
export function checkRunId(runId: string): string {
  if (/^[a-zA-Z0-9][\w-]{0,255}$/.test(runId)) return runId;
  throw invalid(`Invalid value ${JSON.stringify(runId)} for parameter 'run_id' supplied.`);
}

function within(given: number, most: number, what: string): void {
  if (given > most) {
    throw invalid(
      `A batch logging request can contain at most ${most} ${what}. Got ${given} ${what}. Please split up ${what} across multiple requests and try again.`,
    );
  }
}
