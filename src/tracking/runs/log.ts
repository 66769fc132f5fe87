import { defineCommand } from "../../store/database.ts";
import { insertMetrics } from "../metrics/commands.ts";
import type { MetricPoint } from "../metrics/metric.ts";
import { insertParam } from "../params/commands.ts";
import { setRunTag } from "../tags/commands.ts";
import { invalid } from "../wire/errors.ts";
import { LIMITS, type KeyValue } from "../wire/limits.ts";
import { activeRun } from "./queries.ts";

export interface LogArgs {
  workspace: string;
  runId: string;
  metrics: MetricPoint[];
  params: KeyValue[];
  tags: KeyValue[];
}

/** Everything that one call logs to a tracking run: all of it or nothing. */
export const logToRun = defineCommand("tracking.log", async (tx, args: LogArgs): Promise<void> => {
  const { workspace, runId } = args;
  const run = { ...(await activeRun(tx, workspace, runId)), workspace, runId };
  for (const param of args.params) await insertParam(tx, run, param);
  for (const tag of args.tags) await setRunTag(tx, run, tag);
  if (args.metrics.length > 0) await insertMetrics(tx, run, args.metrics);
});

/** MLflow's limits of one batch. */
export function checkBatch({ metrics, params, tags }: LogArgs): void {
  within(metrics.length, LIMITS.batchMetrics, "metrics");
  within(params.length, LIMITS.batchParams, "params");
  within(tags.length, LIMITS.batchTags, "tags");
  within(metrics.length + params.length + tags.length, LIMITS.batchEntities, "metrics, params, and tags");
}

function within(given: number, most: number, what: string): void {
  if (given > most) {
    throw invalid(
      `A batch logging request can contain at most ${most} ${what}. Got ${given} ${what}. Please split up ${what} across multiple requests and try again.`,
    );
  }
}
