import type { MetricSource } from "../monitoring/metrics-routes.ts";
import type { Database } from "../store/database.ts";

interface Row {
  project: string;
  state: string;
  n: number;
  last_end: number | null;
}

/** How many pipeline runs are in each state, and when one last ended so. */
export function pipelineMetrics(db: Pick<Database, "read">): MetricSource {
  return async (page) => {
    const rows = await db.read((tx) =>
      tx.all<Row>(
        `SELECT project, state, COUNT(*) AS n, MAX(finished_at) AS last_end
         FROM pipeline_runs GROUP BY project, state ORDER BY project, state`,
      ),
    );
    for (const { project, state, n, last_end: lastEnd } of rows) {
      page.add("slipway_pipeline_runs", { project, state }, Number(n));
      if (lastEnd === null) continue;
      page.add("slipway_pipeline_last_end_timestamp_seconds", { project, state }, Number(lastEnd) / 1_000);
    }
  };
}
