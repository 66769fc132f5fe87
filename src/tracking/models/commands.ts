import { defineCommand, type Tx } from "../../store/database.ts";
import { joinUri } from "../artifacts/uri.ts";
import { activeExperiment } from "../experiments/commands.ts";
import { invalid, missing } from "../wire/errors.ts";
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
    for (const param of args.params) await insertParam(tx, args.modelId, param);
    for (const tag of args.tags) await upsertTag(tx, args.modelId, tag);
  },
);

/** What is given is changed; `stage: "deleted"` takes the model out of every view. As MLflow, a repeat is no error. */
export const updateLoggedModel = defineCommand(
  "tracking.update-logged-model",
  async (
    tx,
    args: { workspace: string; modelId: string; status?: ModelStatus; stage?: "deleted"; now: number },
  ): Promise<void> => {
    const row = await loggedModelRow(tx, args.workspace, args.modelId, true);
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
    await loggedModelRow(tx, args.workspace, args.modelId, true);
    for (const param of args.params) await insertParam(tx, args.modelId, param);
    for (const tag of args.tags) await upsertTag(tx, args.modelId, tag);
  },
);

export const deleteModelTag = defineCommand(
  "tracking.delete-model-tag",
  async (
    tx,
    { workspace, modelId, key }: { workspace: string; modelId: string; key: string },
  ): Promise<void> => {
    await loggedModelRow(tx, workspace, modelId, true);
    const sql = "DELETE FROM logged_model_tags WHERE model_id = ? AND key = ?";
    const { changes } = await tx.run(sql, [modelId, key]);
    if (changes === 0) throw missing(`No tag with key '${key}' found for model with ID '${modelId}'.`);
  },
);

/** Params are written once; the same value again is no error: clients repeat calls. */
async function insertParam(tx: Tx, modelId: string, { key, value }: KeyValue): Promise<void> {
  const { changes } = await tx.run(
    "INSERT INTO logged_model_params (model_id, key, value) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
    [modelId, key, value],
  );
  if (changes > 0) return;
  const sql = "SELECT value FROM logged_model_params WHERE model_id = ? AND key = ?";
  const old = await tx.get<{ value: string }>(sql, [modelId, key]);
  if (old?.value === value) return;
  throw invalid(
    `Changing param values is not allowed. Param with key='${key}' was already logged with value='${old?.value}' ` +
      `for model ID='${modelId}'. Attempted logging new value '${value}'.`,
  );
}

async function upsertTag(tx: Tx, modelId: string, { key, value }: KeyValue): Promise<void> {
  await tx.run(
    `INSERT INTO logged_model_tags (model_id, key, value) VALUES (?, ?, ?)
     ON CONFLICT (model_id, key) DO UPDATE SET value = excluded.value`,
    [modelId, key, value],
  );
}
