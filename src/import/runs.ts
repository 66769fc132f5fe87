import { defineCommand, type ReadTx, type Tx } from "../store/database.ts";
import { SlipwayError } from "../http/errors.ts";
import { joinUri } from "../tracking/artifacts/uri.ts";
import { byId } from "../tracking/experiments/queries.ts";
import { logInputs, logOutputs } from "../tracking/inputs/commands.ts";
import { insertMetrics } from "../tracking/metrics/commands.ts";
import type { MetricPoint } from "../tracking/metrics/metric.ts";
import { RUN_COLUMNS, runScope, type RunRow } from "../tracking/runs/queries.ts";
import { missing } from "../tracking/wire/errors.ts";
import { Digest, digestOf, type Facts } from "./digest.ts";
import { int64 } from "./int64.ts";
import { beginOwn, type Bringing } from "./items.ts";
import type { RunIn } from "./wire.ts";

/** Brings a tracking run without its histories and files, or brings it up to date; what was added here stays. */
export const importRun = defineCommand(
  "imports.run",
  async (tx, args: Bringing & { workspace: string; run: RunIn }): Promise<void> => {
    const { workspace, run, now } = args;
    const { rid, experimentId } = await openRun(tx, args);
    for (const { key, value } of run.params) {
      await tx.run(
        "INSERT INTO params (rid, key, value, experiment_id) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
        [rid, key, value, experimentId],
      );
    }
    for (const { key, value } of run.tags) {
      await tx.run(
        `INSERT INTO tags (rid, key, value, experiment_id) VALUES (?, ?, ?, ?)
         ON CONFLICT (rid, key) DO UPDATE SET value = excluded.value`,
        [rid, key, value, experimentId],
      );
    }
    const datasets = run.datasets.map(({ tags, ...dataset }) => ({ dataset, tags }));
    await logInputs.run(tx, { workspace, runId: run.id, datasets, modelIds: run.modelInputs });
    const models = run.modelOutputs.map(({ modelId, step }) => ({ modelId, step: int64(step) }));
    await logOutputs.run(tx, { workspace, runId: run.id, models });
    await tx.run(
      `UPDATE runs SET run_name = ?, user_id = ?, status = ?, start_time = ?, end_time = ?, lifecycle_stage = ?,
         deleted_time = CASE WHEN ? = 'active' THEN NULL ELSE COALESCE(deleted_time, ?) END WHERE rid = ?`,
      [run.name, run.user, run.status, run.startedAt, run.endedAt, run.stage, run.stage, now, rid],
    );
  },
);

/** The run's row, made where it isn't there; active within this transaction, whatever it was and will be. */
async function openRun(
  tx: Tx,
  args: Bringing & { workspace: string; run: RunIn },
): Promise<{ rid: number; experimentId: number }> {
  const { workspace, run } = args;
  const known = await tx.get<RunRow & { workspace: string }>(
    `SELECT ${RUN_COLUMNS}, r.workspace FROM runs r WHERE r.run_id = ?`,
    [run.id],
  );
  if (known && known.workspace !== workspace) {
    throw new SlipwayError("IMPORT_CONFLICT", "the run's id can't be used here", { where: `run ${run.id}` });
  }
  await beginOwn(tx, args, { kind: "run", id: run.id, isHere: known !== undefined });
  if (known) {
    await tx.run("UPDATE runs SET lifecycle_stage = 'active' WHERE rid = ?", [known.rid]);
    return { rid: known.rid, experimentId: known.experiment_id };
  }
  const experimentId = Number(run.experimentId);
  const experiment = await byId(tx, workspace, experimentId);
  if (!experiment) throw missing(`No Experiment with id=${run.experimentId} exists`);
  const row = await tx.get<{ rid: number }>(
    `INSERT INTO runs (run_id, experiment_id, run_name, user_id, status, start_time, artifact_uri, lifecycle_stage,
       workspace) VALUES (?, ?, ?, ?, ?, ?, ?, 'active', ?) RETURNING rid`,
    [
      run.id,
      experimentId,
      run.name,
      run.user,
      run.status,
      run.startedAt,
      joinUri(experiment.artifact_location, run.id, "artifacts"),
      workspace,
    ],
  );
  return { rid: row?.rid ?? 0, experimentId };
}

/** Points of a run, deleted or not. The same ones again change nothing. */
export const importMetrics = defineCommand(
  "imports.metrics",
  async (tx, args: { workspace: string; runId: string; points: MetricPoint[] }): Promise<void> => {
    const row = await runIn(tx, args.workspace, args.runId);
    await insertMetrics(tx, { ...row, workspace: args.workspace }, args.points);
  },
  { scope: runScope },
);

async function runIn(
  tx: ReadTx,
  workspace: string,
  runId: string,
): Promise<Pick<RunRow, "rid" | "experiment_id">> {
  const row = await tx.get<Pick<RunRow, "rid" | "experiment_id">>(
    "SELECT rid, experiment_id FROM runs WHERE run_id = ? AND workspace = ?",
    [runId, workspace],
  );
  if (!row) throw missing(`Run with id=${runId} not found`);
  return row;
}

/** Points that are read at once. */
const PAGE = 5000;

type PointRow = { key: string; timestamp: number; step: number; value: number; is_nan: number };

/** How much of a run is here, and which. */
export async function runFacts(
  tx: ReadTx,
  workspace: string,
  runId: string,
): Promise<{ params: Facts; tags: Facts; points: Facts }> {
  const { rid } = await runIn(tx, workspace, runId);
  const entries = async (table: "params" | "tags"): Promise<Facts> => {
    const sql = `SELECT key, value FROM ${table} WHERE rid = ?`;
    const rows = await tx.all<{ key: string; value: string }>(sql, [rid]);
    return digestOf(rows.map(({ key, value }) => [key, value]));
  };
  const points = new Digest();
  const keys = await tx.all<{ key: string }>("SELECT key FROM latest_metrics WHERE rid = ?", [rid]);
  for (const { key } of keys) {
    let after: PointRow | undefined;
    do {
      const beyond = after ? "AND (timestamp, step, value, is_nan) > (?, ?, ?, ?)" : "";
      const rows: PointRow[] = await tx.all<PointRow>(
        `SELECT key, timestamp, step, value, is_nan FROM metrics WHERE rid = ? AND key = ? ${beyond}
         ORDER BY timestamp, step, value, is_nan LIMIT ${PAGE}`,
        [rid, key, ...(after ? [after.timestamp, after.step, after.value, after.is_nan] : [])],
      );
      for (const row of rows) points.add([row.key, row.timestamp, row.step, row.value, row.is_nan]);
      after = rows.length === PAGE ? rows.at(-1) : undefined;
      await new Promise((resolve) => setImmediate(resolve));
    } while (after);
  }
  return { params: await entries("params"), tags: await entries("tags"), points: points.facts };
}
