import { defineCommand } from "../store/database.ts";
import { SlipwayError } from "../http/errors.ts";
import { joinUri } from "../tracking/artifacts/uri.ts";
import { byId } from "../tracking/experiments/queries.ts";
import { logToModel } from "../tracking/models/commands.ts";
import { missing } from "../tracking/wire/errors.ts";
import { storedDouble } from "../tracking/wire/json.ts";
import { int64 } from "./int64.ts";
import { beginOwn, type Bringing } from "./items.ts";
import type { LoggedModelIn } from "./wire.ts";

/** Brings a logged model without its files, or brings it up to date. */
export const importLoggedModel = defineCommand(
  "imports.logged-model",
  async (tx, args: Bringing & { workspace: string; model: LoggedModelIn }): Promise<void> => {
    const { workspace, model } = args;
    const experimentId = Number(model.experimentId);
    const experiment = await byId(tx, workspace, experimentId);
    if (!experiment) throw missing(`No Experiment with id=${model.experimentId} exists`);
    const here = await tx.get("SELECT 1 AS here FROM logged_models WHERE model_id = ?", [model.id]);
    await beginOwn(tx, args, { kind: "logged-model", id: model.id, isHere: here !== undefined });
    await tx.run(
      `INSERT INTO logged_models (model_id, experiment_id, name, artifact_uri, creation_time, last_update_time,
         status, model_type, source_run_id, lifecycle_stage, workspace)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'active', ?) ON CONFLICT DO NOTHING`,
      [
        model.id,
        experimentId,
        model.name,
        joinUri(experiment.artifact_location, "models", model.id, "artifacts"),
        model.createdAt,
        model.updatedAt,
        model.status,
        model.type,
        model.sourceRunId,
        workspace,
      ],
    );
    const { changes } = await tx.run(
      `UPDATE logged_models SET name = ?, status = ?, status_message = ?, last_update_time = ?
       WHERE model_id = ? AND workspace = ?`,
      [model.name, model.status, model.statusMessage, model.updatedAt, model.id, workspace],
    );
    if (changes === 0)
      throw new SlipwayError("IMPORT_CONFLICT", "the logged model's id can't be used here", {
        where: model.id,
      });
    await logToModel.run(tx, { workspace, modelId: model.id, params: model.params, tags: model.tags });
    for (const metric of model.metrics) {
      const { value, isNan } = storedDouble(metric.value === "NaN" ? Number.NaN : metric.value);
      await tx.run(
        `INSERT INTO logged_model_metrics
           (model_id, rid, key, timestamp, step, value, is_nan, dataset_name, dataset_digest)
         SELECT ?, r.rid, ?, ?, ?, ?, ?, ?, ? FROM runs r WHERE r.run_id = ? AND r.workspace = ?
         ON CONFLICT (model_id, rid, key, dataset_name, dataset_digest, timestamp, step)
           DO UPDATE SET value = excluded.value, is_nan = excluded.is_nan`,
        [
          model.id,
          metric.key,
          int64(metric.timestamp),
          int64(metric.step),
          value,
          isNan,
          metric.datasetName,
          metric.datasetDigest,
          metric.runId,
          workspace,
        ],
      );
    }
  },
);
