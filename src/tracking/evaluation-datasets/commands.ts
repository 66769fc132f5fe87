import { defineCommand, type Tx } from "../../store/database.ts";
import { experimentsOf } from "../experiments/queries.ts";
import { missing } from "../wire/errors.ts";
import { datasetRow, findDataset } from "./queries.ts";
import { upsertRecords } from "./upsert.ts";
import { datasetDigest } from "./summary.ts";

/** Which dataset of which tenant. */
export interface DatasetId {
  workspace: string;
  id: string;
}

type Tags = readonly (readonly [key: string, value: string])[];

interface CreateArgs extends DatasetId {
  name: string;
  tags: Tags;
  experimentIds: readonly number[];
  now: number;
}

export const createDataset = defineCommand(
  "evaluation-datasets.create",
  async (tx, args: CreateArgs): Promise<void> => {
    const { workspace, id, name, tags, now } = args;
    const user = tags.find(([key]) => key === "mlflow.user")?.[1] ?? null;
    await tx.run(
      `INSERT INTO evaluation_datasets (dataset_id, workspace, name, digest, records, created_time,
         last_update_time, created_by, last_updated_by) VALUES (?, ?, ?, ?, 0, ?, ?, ?, ?)`,
      [id, workspace, name, datasetDigest(name, now), now, now, user, user],
    );
    await upsertTags(tx, id, tags);
    await associate(tx, args, args.experimentIds);
  },
);

/** One that isn't there is no error. */
export const deleteDataset = defineCommand(
  "evaluation-datasets.delete",
  async (tx, { workspace, id }: DatasetId): Promise<void> => {
    if (!(await findDataset(tx, workspace, id))) return;
    for (const part of ["_tags", "_experiments", "_records", "s"]) {
      await tx.run(`DELETE FROM evaluation_dataset${part} WHERE dataset_id = ?`, [id]);
    }
  },
);

export const setDatasetTags = defineCommand(
  "evaluation-datasets.set-tags",
  async (tx, { workspace, id, tags }: DatasetId & { tags: Tags }): Promise<void> => {
    await datasetRow(tx, workspace, id);
    await upsertTags(tx, id, tags);
  },
);

/** Neither a tag nor a dataset that isn't there is an error. */
export const deleteDatasetTag = defineCommand(
  "evaluation-datasets.delete-tag",
  async (tx, { workspace, id, key }: DatasetId & { key: string }): Promise<void> => {
    if (!(await findDataset(tx, workspace, id))) return;
    await tx.run("DELETE FROM evaluation_dataset_tags WHERE dataset_id = ? AND key = ?", [id, key]);
  },
);

/** The number of records that were there. */
export const deleteRecords = defineCommand(
  "evaluation-datasets.delete-records",
  async (tx, { workspace, id, recordIds }: DatasetId & { recordIds: string[] }): Promise<number> => {
    await datasetRow(tx, workspace, id);
    let deleted = 0;
    for (let at = 0; at < recordIds.length; at += 500) {
      const some = recordIds.slice(at, at + 500);
      const sql = `DELETE FROM evaluation_dataset_records WHERE dataset_id = ? AND record_id IN (${some.map(() => "?").join(", ")})`;
      deleted += (await tx.run(sql, [id, ...some])).changes;
    }
    await tx.run("UPDATE evaluation_datasets SET records = records - ? WHERE dataset_id = ?", [deleted, id]);
    return deleted;
  },
);

interface ExperimentsArgs extends DatasetId {
  experimentIds: readonly number[];
  now: number;
}

export const addToExperiments = defineCommand(
  "evaluation-datasets.add-experiments",
  async (tx, args: ExperimentsArgs): Promise<void> => {
    await datasetRow(tx, args.workspace, args.id);
    await associate(tx, args, args.experimentIds);
    await touch(tx, args);
  },
);

/** One that the dataset doesn't belong to is no error. */
export const removeFromExperiments = defineCommand(
  "evaluation-datasets.remove-experiments",
  async (tx, args: ExperimentsArgs): Promise<void> => {
    await datasetRow(tx, args.workspace, args.id);
    let removed = 0;
    for (const experimentId of args.experimentIds) {
      const sql = "DELETE FROM evaluation_dataset_experiments WHERE dataset_id = ? AND experiment_id = ?";
      removed += (await tx.run(sql, [args.id, experimentId])).changes;
    }
    if (removed > 0) await touch(tx, args);
  },
);

export const evaluationDatasetCommands = [
  createDataset,
  deleteDataset,
  setDatasetTags,
  deleteDatasetTag,
  upsertRecords,
  deleteRecords,
  addToExperiments,
  removeFromExperiments,
];

async function upsertTags(tx: Tx, id: string, tags: Tags): Promise<void> {
  for (const [key, value] of tags) {
    await tx.run(
      `INSERT INTO evaluation_dataset_tags (dataset_id, key, value) VALUES (?, ?, ?)
       ON CONFLICT (dataset_id, key) DO UPDATE SET value = excluded.value`,
      [id, key, value],
    );
  }
}

async function associate(
  tx: Tx,
  { workspace, id }: DatasetId,
  experimentIds: readonly number[],
): Promise<void> {
  const known = await experimentsOf(tx, workspace, experimentIds);
  for (const experimentId of experimentIds) {
    if (!known.includes(experimentId)) throw missing(`No Experiment with id=${experimentId} exists`);
    await tx.run(
      `INSERT INTO evaluation_dataset_experiments (dataset_id, experiment_id) VALUES (?, ?)
       ON CONFLICT (dataset_id, experiment_id) DO NOTHING`,
      [id, experimentId],
    );
  }
}

async function touch(tx: Tx, { id, now }: { id: string; now: number }): Promise<void> {
  await tx.run("UPDATE evaluation_datasets SET last_update_time = ? WHERE dataset_id = ?", [now, id]);
}
