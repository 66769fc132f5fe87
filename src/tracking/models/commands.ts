import { defineCommand, type Tx } from "../../store/database.ts";
import { joinUri } from "../artifacts/uri.ts";
import { activeExperiment } from "../experiments/commands.ts";
import { missing } from "../wire/errors.ts";
import type { KeyValue } from "../wire/limits.ts";
import { loggedModelRow, type ModelStatus } from "./queries.ts";

interface CreateArgs {
  workspace: string;
  modelId: string;
  experimentId: number;
  name: string;
  modelType: string | null;
  sourceRunId: string | null;
  params: KeyValue[];
  tags: KeyValue[];
  now: number;
}

/** A new logged model, pending until its files are there. */
export const createLoggedModel = defineCommand(
  "tracking.create-logged-model",
  async (tx, args: CreateArgs): Promise<void> => {
    const experiment = await activeExperiment(tx, args.workspace, args.experimentId);
    const uri = joinUri(experiment.artifact_location, "models", args.modelId, "artifacts");
    await tx.run(
      `INSERT INTO logged_models (model_id, experiment_id, name, artifact_uri, creation_time, last_update_time,
         status, model_type, source_run_id, lifecycle_stage, workspace)
       VALUES (?, ?, ?, ?, ?, ?, 'LOGGED_MODEL_PENDING', ?, ?, 'active', ?)`,
      [
        args.modelId,
        args.experimentId,
        args.name,
        uri,
        args.now,
        args.now,
        args.modelType,
        args.sourceRunId,
        args.workspace,
      ],
    );
    for (const param of args.params) await upsert(tx, "logged_model_params", args.modelId, param);
    for (const tag of args.tags) await upsert(tx, "logged_model_tags", args.modelId, tag);
  },
);

/** What is given is changed; `stage: "deleted"` takes the model out of every view. */
export const updateLoggedModel = defineCommand(
  "tracking.update-logged-model",
  async (
    tx,
    args: { workspace: string; modelId: string; status?: ModelStatus; stage?: "deleted"; now: number },
  ): Promise<void> => {
    const row = await loggedModelRow(tx, args.workspace, args.modelId);
    await tx.run(
      "UPDATE logged_models SET status = ?, lifecycle_stage = ?, last_update_time = ? WHERE model_id = ?",
      [args.status ?? row.status, args.stage ?? row.lifecycle_stage, args.now, args.modelId],
    );
  },
);

export const logToModel = defineCommand(
  "tracking.log-to-model",
  async (
    tx,
    args: { workspace: string; modelId: string; params: KeyValue[]; tags: KeyValue[] },
  ): Promise<void> => {
    await loggedModelRow(tx, args.workspace, args.modelId);
    for (const param of args.params) await upsert(tx, "logged_model_params", args.modelId, param);
    for (const tag of args.tags) await upsert(tx, "logged_model_tags", args.modelId, tag);
  },
);

export const deleteModelTag = defineCommand(
  "tracking.delete-model-tag",
  async (
    tx,
    { workspace, modelId, key }: { workspace: string; modelId: string; key: string },
  ): Promise<void> => {
    await loggedModelRow(tx, workspace, modelId);
    const sql = "DELETE FROM logged_model_tags WHERE model_id = ? AND key = ?";
    const { changes } = await tx.run(sql, [modelId, key]);
    if (changes === 0) throw missing(`No tag with key '${key}' found for model with ID '${modelId}'.`);
  },
);

async function upsert(
  tx: Tx,
  table: "logged_model_params" | "logged_model_tags",
  modelId: string,
  { key, value }: KeyValue,
): Promise<void> {
  await tx.run(
    `INSERT INTO ${table} (model_id, key, value) VALUES (?, ?, ?)
     ON CONFLICT (model_id, key) DO UPDATE SET value = excluded.value`,
    [modelId, key, value],
  );
}
