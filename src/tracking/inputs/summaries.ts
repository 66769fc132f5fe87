import type { Migration, ReadTx } from "../../store/database.ts";
import type { TrackingDeps } from "../deps.ts";
import { experimentNumber } from "../experiments/queries.ts";
import { invalid } from "../wire/errors.ts";
import { strings } from "../wire/fields.ts";
import type { MlflowCall, MlflowRoute } from "../wire/routes.ts";

/** MLflow's limits. */
const MAX_EXPERIMENTS = 20;
const MAX_SUMMARIES = 1000;

export const summaryMigrations: readonly Migration[] = [
  {
    id: "input-summaries-001",
    statements: ["CREATE INDEX input_tags_of_dataset ON input_tags (dataset_id, key, value)"],
  },
];

/** Which datasets the runs of experiments used, and what for: MLflow's pages ask for it. */
export function datasetSummaryRoutes({ db }: TrackingDeps): MlflowRoute[] {
  async function search({ fields, workspace }: MlflowCall): Promise<object> {
    const asked = strings(fields, "experiment_ids");
    if (asked.length === 0) throw invalid("SearchDatasets request must specify at least one experiment_id.");
    if (asked.length > MAX_EXPERIMENTS) {
      throw invalid(
        `SearchDatasets request cannot specify more than ${MAX_EXPERIMENTS} experiment_ids. ` +
          `Received ${asked.length} experiment_ids.`,
      );
    }
    const ids = [...new Set(asked)].map(experimentNumber);
    return { dataset_summaries: await db.read((tx) => summaries(tx, workspace, ids)) };
  }
  return [{ method: "POST", path: "experiments/search-datasets", access: "read", handle: search }];
}

interface SummaryRow {
  experiment_id: number;
  name: string;
  digest: string;
  context: string | null;
}

async function summaries(tx: ReadTx, workspace: string, ids: readonly number[]): Promise<object[]> {
  const rows = await tx.all<SummaryRow>(
    `SELECT DISTINCT d.experiment_id, d.name, d.digest, t.value AS context
     FROM datasets d JOIN experiments e ON e.experiment_id = d.experiment_id
     LEFT JOIN input_tags t ON t.dataset_id = d.dataset_id AND t.key = 'mlflow.data.context'
     WHERE d.experiment_id IN (${ids.map(() => "?").join(", ")}) AND e.workspace = ?
     ORDER BY d.experiment_id, d.name, d.digest, context LIMIT ${MAX_SUMMARIES}`,
    [...ids, workspace],
  );
  return rows.map(({ experiment_id, name, digest, context }) => ({
    experiment_id: String(experiment_id),
    name,
    digest,
    ...(context === null ? {} : { context }),
  }));
}
