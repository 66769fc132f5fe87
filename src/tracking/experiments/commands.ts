import { defineCommand, type ReadTx } from "../../store/database.ts";
import { DEFAULT_TENANT } from "../../http/identity.ts";
import { joinUri } from "../artifacts/uri.ts";
import { tenantRoot } from "../artifacts/tenant-root.ts";
import { exists, invalid, missing } from "../wire/errors.ts";
import type { KeyValue } from "../wire/limits.ts";
import { byId, byName, type ExperimentRow } from "./queries.ts";

interface CreateArgs {
  workspace: string;
  name: string;
  /** Null: `<root of the tenant>/<experiment_id>`. */
  artifactLocation: string | null;
  artifactRoot: string;
  tags: KeyValue[];
  now: number;
}

/** A new experiment; its id. */
export const createExperiment = defineCommand(
  "tracking.create-experiment",
  async (tx, args: CreateArgs): Promise<number> => {
    const { workspace, name, now } = args;
    const known = await byName(tx, workspace, name);
    if (known) throw nameTaken(known);
    const inserted = await tx.get<{ experiment_id: number }>(
      `INSERT INTO experiments (workspace, name, artifact_location, lifecycle_stage, creation_time, last_update_time)
       VALUES (?, ?, ?, 'active', ?, ?) RETURNING experiment_id`,
      [workspace, name, args.artifactLocation ?? "", now, now],
    );
    const id = inserted?.experiment_id ?? 0;
    if (args.artifactLocation === null) {
      await tx.run("UPDATE experiments SET artifact_location = ? WHERE experiment_id = ?", [
        joinUri(tenantRoot(args.artifactRoot, workspace), String(id)),
        id,
      ]);
    }
    for (const { key, value } of args.tags) {
      await tx.run(UPSERT_TAG, [id, key, value]);
    }
    return id;
  },
);

/**
 * The experiment `Default` of a tenant. The default tenant's has the id 0, which MLflow's clients use when they
 * name none; as in MLflow, that of every other tenant is a name like any other.
 */
export const ensureDefaultExperiment = defineCommand(
  "tracking.ensure-default-experiment",
  async (
    tx,
    { workspace, artifactRoot, now }: { workspace: string; artifactRoot: string; now: number },
  ): Promise<void> => {
    if (workspace !== DEFAULT_TENANT) {
      if (await byName(tx, workspace, "Default")) return;
      await createExperiment.run(tx, {
        workspace,
        name: "Default",
        artifactLocation: null,
        artifactRoot,
        tags: [],
        now,
      });
      return;
    }
    await tx.run(
      `INSERT INTO experiments (experiment_id, name, artifact_location, lifecycle_stage, creation_time, last_update_time)
       VALUES (0, 'Default', ?, 'active', ?, ?) ON CONFLICT DO NOTHING`,
      [joinUri(artifactRoot, "0"), now, now],
    );
  },
);

interface StageArgs {
  workspace: string;
  experimentId: number;
  stage: "active" | "deleted";
  now: number;
}

/** Deletes or restores an experiment together with its tracking runs. */
export const setExperimentStage = defineCommand(
  "tracking.set-experiment-stage",
  async (tx, { workspace, experimentId, stage, now }: StageArgs): Promise<void> => {
    const known = await existing(tx, workspace, experimentId);
    if (known.lifecycle_stage === stage) {
      throw missing(`No Experiment with id=${experimentId} exists`);
    }
    await tx.run("UPDATE experiments SET lifecycle_stage = ?, last_update_time = ? WHERE experiment_id = ?", [
      stage,
      now,
      experimentId,
    ]);
    await tx.run(
      "UPDATE runs SET lifecycle_stage = ?, deleted_time = ? WHERE experiment_id = ? AND lifecycle_stage <> ?",
      [stage, stage === "deleted" ? now : null, experimentId, stage],
    );
  },
);

export const renameExperiment = defineCommand(
  "tracking.rename-experiment",
  async (tx, args: { workspace: string; experimentId: number; name: string; now: number }): Promise<void> => {
    const known = await existing(tx, args.workspace, args.experimentId);
    if (known.lifecycle_stage !== "active") throw invalid("Cannot rename a non-active experiment.");
    const taken = await byName(tx, args.workspace, args.name);
    if (taken && taken.experiment_id !== args.experimentId) throw nameTaken(taken);
    await tx.run("UPDATE experiments SET name = ?, last_update_time = ? WHERE experiment_id = ?", [
      args.name,
      args.now,
      args.experimentId,
    ]);
  },
);

interface TagArgs {
  workspace: string;
  experimentId: number;
  key: string;
  /** Null removes the tag. */
  value: string | null;
}

export const setExperimentTag = defineCommand(
  "tracking.set-experiment-tag",
  async (tx, { workspace, experimentId, key, value }: TagArgs): Promise<void> => {
    active(await existing(tx, workspace, experimentId));
    if (value === null) {
      const sql = "DELETE FROM experiment_tags WHERE experiment_id = ? AND key = ?";
      const { changes } = await tx.run(sql, [experimentId, key]);
      if (changes === 0) throw missing(`No tag with name: ${key} in experiment with id ${experimentId}`);
    } else {
      await tx.run(UPSERT_TAG, [experimentId, key, value]);
    }
  },
);

export const experimentCommands = [
  createExperiment,
  ensureDefaultExperiment,
  setExperimentStage,
  renameExperiment,
  setExperimentTag,
];

const UPSERT_TAG = `INSERT INTO experiment_tags (experiment_id, key, value) VALUES (?, ?, ?)
  ON CONFLICT (experiment_id, key) DO UPDATE SET value = excluded.value`;

/** The experiment in which something new may be made. */
export async function activeExperiment(
  tx: ReadTx,
  workspace: string,
  experimentId: number,
): Promise<ExperimentRow> {
  return active(await existing(tx, workspace, experimentId));
}

async function existing(tx: ReadTx, workspace: string, experimentId: number): Promise<ExperimentRow> {
  const row = await byId(tx, workspace, experimentId);
  if (!row) throw missing(`No Experiment with id=${experimentId} exists`);
  return row;
}

function active(row: ExperimentRow): ExperimentRow {
  if (row.lifecycle_stage === "active") return row;
  throw invalid(
    `The experiment ${row.experiment_id} must be in the 'active' state. Current state is ${row.lifecycle_stage}.`,
  );
}

function nameTaken(row: ExperimentRow): Error {
  const deleted =
    row.lifecycle_stage === "deleted"
      ? " It is deleted: restore it, or delete it for good to use the name again."
      : "";
  return exists(`Experiment(name=${row.name}) already exists.${deleted}`);
}
