import { defineCommand, type Tx } from "../../store/database.ts";
import { activeRun } from "../runs/queries.ts";
import type { KeyValue } from "../wire/limits.ts";

export interface Dataset {
  name: string;
  digest: string;
  sourceType: string;
  source: string;
  schema: string | null;
  profile: string | null;
}

interface LogInputsArgs {
  workspace: string;
  runId: string;
  datasets: { dataset: Dataset; tags: KeyValue[] }[];
  modelIds: string[];
}

/** What a tracking run used. The same dataset (experiment, name, digest) is kept once. */
export const logInputs = defineCommand(
  "tracking.log-inputs",
  async (tx, args: LogInputsArgs): Promise<void> => {
    const { rid, experiment_id } = await activeRun(tx, args.workspace, args.runId);
    for (const { dataset, tags } of args.datasets) {
      const id = await datasetId(tx, experiment_id, dataset);
      await insertInput(tx, rid, id, "");
      for (const { key, value } of tags) {
        await tx.run(
          `INSERT INTO input_tags (rid, dataset_id, key, value) VALUES (?, ?, ?, ?)
         ON CONFLICT (rid, dataset_id, key) DO UPDATE SET value = excluded.value`,
          [rid, id, key, value],
        );
      }
    }
    for (const modelId of args.modelIds) await insertInput(tx, rid, 0, modelId);
  },
);

interface LogOutputsArgs {
  workspace: string;
  runId: string;
  models: { modelId: string; step: number | bigint }[];
}

/** The logged models that a tracking run made. */
export const logOutputs = defineCommand(
  "tracking.log-outputs",
  async (tx, { workspace, runId, models }: LogOutputsArgs): Promise<void> => {
    const { rid } = await activeRun(tx, workspace, runId);
    for (const { modelId, step } of models) {
      await tx.run(
        `INSERT INTO outputs (rid, model_id, step) VALUES (?, ?, ?)
         ON CONFLICT (rid, model_id) DO UPDATE SET step = excluded.step`,
        [rid, modelId, step],
      );
    }
  },
);

async function insertInput(tx: Tx, rid: number, datasetId: number, modelId: string): Promise<void> {
  await tx.run("INSERT INTO inputs (rid, dataset_id, model_id) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", [
    rid,
    datasetId,
    modelId,
  ]);
}

async function datasetId(tx: Tx, experimentId: number, dataset: Dataset): Promise<number> {
  const row = await tx.get<{ dataset_id: number }>(
    `INSERT INTO datasets (experiment_id, name, digest, source_type, source, schema_json, profile)
     VALUES (?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (experiment_id, name, digest) DO UPDATE SET name = excluded.name RETURNING dataset_id`,
    [
      experimentId,
      dataset.name,
      dataset.digest,
      dataset.sourceType,
      dataset.source,
      dataset.schema,
      dataset.profile,
    ],
  );
  return row?.dataset_id ?? 0;
}
