import { defineCommand, type Tx } from "../store/database.ts";
import { SlipwayError } from "../http/errors.ts";
import { tenantRoot } from "../tracking/artifacts/tenant-root.ts";
import { joinUri } from "../tracking/artifacts/uri.ts";
import { byId, byName, type ExperimentRow } from "../tracking/experiments/queries.ts";
import type { KeyValue } from "../tracking/wire/limits.ts";
import { findItem, putItem } from "./items.ts";
import type { ExperimentIn, ExperimentOut } from "./wire.ts";

interface Args {
  workspace: string;
  importId: string;
  artifactRoot: string;
  experiment: ExperimentIn;
  now: number;
}

/** The largest id that MLflow's own database gives; one beyond it would make all later ids as long. */
const LARGEST_KEPT = 2_147_483_647;

/**
 * Brings an experiment, or brings it up to date. One of the same name that was here before takes what comes, and
 * keeps its own tags and stage.
 */
export const importExperiment = defineCommand(
  "imports.experiment",
  async (tx, args: Args): Promise<ExperimentOut> => {
    const { workspace, importId, experiment, now } = args;
    const item = await findItem(tx, importId, "experiment", experiment.id);
    const brought = item && (await byId(tx, workspace, Number(item.target_id)));
    if (item && brought) {
      if (item.is_own === 1) await update(tx, brought, experiment);
      else await putTags(tx, brought.experiment_id, experiment.tags, false);
      return { experimentId: item.target_id, how: howOf(item.is_own, item.target_id, experiment.id) };
    }
    const named = await byName(tx, workspace, experiment.name);
    if (named) refuseDeleted(named, experiment);
    const target = named?.experiment_id ?? (await insert(tx, args));
    await putTags(tx, target, experiment.tags, !named);
    // What was freed here since may have another id now.
    await tx.run("DELETE FROM import_items WHERE import_id = ? AND kind = 'experiment' AND source_id = ?", [
      importId,
      experiment.id,
    ]);
    const place = { sourceId: experiment.id, targetId: String(target), isOwn: !named };
    await putItem(tx, { importId, kind: "experiment", ...place, fingerprint: null, now });
    return { experimentId: String(target), how: howOf(named ? 0 : 1, String(target), experiment.id) };
  },
);

function howOf(isOwn: 0 | 1, target: string, from: string): ExperimentOut["how"] {
  if (isOwn === 0) return "merged";
  return target === from ? "kept" : "mapped";
}

function refuseDeleted(here: ExperimentRow, { name, stage }: ExperimentIn): void {
  if (here.lifecycle_stage === "active" || stage === "deleted") return;
  throw new SlipwayError("IMPORT_CONFLICT", `an experiment named ${name} is deleted here`, {
    where: `experiment ${here.experiment_id}`,
    hint: "Restore it, rename it or free it with `slipway gc`, then run the import again.",
  });
}

async function insert(tx: Tx, { workspace, artifactRoot, experiment }: Args): Promise<number> {
  const given = /^\d{1,10}$/.test(experiment.id) ? Number(experiment.id) : Number.NaN;
  // Ids are one series for all tenants.
  const isFree =
    given <= LARGEST_KEPT &&
    !(await tx.get("SELECT 1 AS taken FROM experiments WHERE experiment_id = ?", [given]));
  const columns = "workspace, name, artifact_location, lifecycle_stage, creation_time, last_update_time";
  const values = [
    workspace,
    experiment.name,
    "",
    experiment.stage,
    experiment.createdAt,
    experiment.updatedAt,
  ];
  const row = isFree
    ? await tx.get<{ experiment_id: number }>(
        `INSERT INTO experiments (${columns}, experiment_id) VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING experiment_id`,
        [...values, given],
      )
    : await tx.get<{ experiment_id: number }>(
        `INSERT INTO experiments (${columns}) VALUES (?, ?, ?, ?, ?, ?) RETURNING experiment_id`,
        values,
      );
  const id = row?.experiment_id ?? 0;
  if (isFree) await passOver(tx);
  await tx.run("UPDATE experiments SET artifact_location = ? WHERE experiment_id = ?", [
    joinUri(tenantRoot(artifactRoot, workspace), String(id)),
    id,
  ]);
  return id;
}

/** SQLite's next id follows the largest by itself; PostgreSQL's sequence must be told of ids that it didn't give. */
async function passOver(tx: Tx): Promise<void> {
  if (tx.dialect !== "postgres") return;
  const sequence = "pg_get_serial_sequence('experiments', 'experiment_id')";
  await tx.get(
    `SELECT setval(${sequence}, GREATEST((SELECT MAX(experiment_id) FROM experiments), nextval(${sequence}))) AS last`,
  );
}

async function update(tx: Tx, here: ExperimentRow, experiment: ExperimentIn): Promise<void> {
  const taken =
    here.name !== experiment.name && (await byName(tx, here.workspace, experiment.name)) !== undefined;
  await tx.run(
    "UPDATE experiments SET name = ?, lifecycle_stage = ?, last_update_time = ? WHERE experiment_id = ?",
    [taken ? here.name : experiment.name, experiment.stage, experiment.updatedAt, here.experiment_id],
  );
  await putTags(tx, here.experiment_id, experiment.tags, true);
}

async function putTags(tx: Tx, id: number, tags: readonly KeyValue[], replace: boolean): Promise<void> {
  const resolution = replace ? "UPDATE SET value = excluded.value" : "NOTHING";
  for (const { key, value } of tags) {
    await tx.run(
      `INSERT INTO experiment_tags (experiment_id, key, value) VALUES (?, ?, ?)
       ON CONFLICT (experiment_id, key) DO ${resolution}`,
      [id, key, value],
    );
  }
}
