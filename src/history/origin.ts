import type { ReadTx } from "../store/database.ts";

/** Of one tracking run. */
const MOST_METRICS = 50;
const MOST_DATASETS = 50;
const SOURCE_LENGTH = 500;

/** Where a version came from. Empty strings where nothing is known. */
export interface Origin {
  source: string;
  /** MLflow's logged model. */
  modelId: string;
  runId: string;
  runName: string;
  /** Who logged the tracking run. */
  user: string;
  experimentId: string;
  experimentName: string;
  project: string;
  /** Of the project's repository; of a run that a client made by itself, the commit that it names. */
  commit: string;
  pipelineRunId: string;
  datasets: { name: string; digest: string; context: string; source: string }[];
  /** Latest values; NaN as null. */
  metrics: Record<string, number | null>;
}

const UNKNOWN: Origin = {
  source: "",
  modelId: "",
  runId: "",
  runName: "",
  user: "",
  experimentId: "",
  experimentName: "",
  project: "",
  commit: "",
  pipelineRunId: "",
  datasets: [],
  metrics: {},
};

export interface VersionOf {
  workspace: string;
  model: string;
  version: number;
}

/**
 * Where a version came from, as far as it is still there; for the rest what was recorded. `isRunThere` is false when the
 * tracking run is deleted, or was never known.
 */
export async function originOf(
  tx: ReadTx,
  of: VersionOf,
): Promise<{ origin: Origin; isRecorded: boolean; isRunThere: boolean }> {
  const recorded = await recordedOrigin(tx, of);
  const version = await versionFacts(tx, of);
  const origin = { ...UNKNOWN, ...recorded, ...version };
  const run = await runFacts(tx, of.workspace, origin.runId);
  const commit = version?.commit || recorded?.commit || run?.facts.commit || "";
  return {
    origin: { ...origin, ...run?.facts, commit },
    isRecorded: recorded !== undefined,
    isRunThere: run?.isActive === true,
  };
}

async function recordedOrigin(tx: ReadTx, of: VersionOf): Promise<Origin | undefined> {
  const row = await tx.get<{ origin: string }>(
    "SELECT origin FROM served_versions WHERE workspace = ? AND model = ? AND version = ?",
    [of.workspace, of.model, of.version],
  );
  return row && (JSON.parse(row.origin) as Origin);
}

async function versionFacts(tx: ReadTx, of: VersionOf): Promise<Partial<Origin> | undefined> {
  const key = [of.workspace, of.model, of.version];
  const row = await tx.get<{ source: string; run_id: string; model_id: string }>(
    "SELECT source, run_id, model_id FROM model_versions WHERE workspace = ? AND name = ? AND version = ?",
    key,
  );
  if (!row) return undefined;
  const tags = await tx.all<{ key: string; value: string }>(
    `SELECT key, value FROM model_version_tags WHERE workspace = ? AND name = ? AND version = ?
       AND key IN ('slipway.project', 'slipway.commit', 'slipway.pipeline_run')`,
    key,
  );
  const tag = (name: string): string => tags.find((one) => one.key === name)?.value ?? "";
  return {
    source: row.source.slice(0, SOURCE_LENGTH),
    modelId: row.model_id,
    runId: row.run_id,
    project: tag("slipway.project"),
    commit: tag("slipway.commit"),
    pipelineRunId: tag("slipway.pipeline_run"),
  };
}

interface RunFacts {
  rid: number;
  run_name: string;
  user_id: string;
  experiment_id: number;
  experiment: string | null;
  lifecycle_stage: string;
}

/** Of a tracking run that is there, deleted or not. */
async function runFacts(
  tx: ReadTx,
  workspace: string,
  runId: string,
): Promise<{ facts: Partial<Origin>; isActive: boolean } | undefined> {
  const run = await tx.get<RunFacts>(
    `SELECT r.rid, r.run_name, r.user_id, r.experiment_id, e.name AS experiment, r.lifecycle_stage
     FROM runs r LEFT JOIN experiments e ON e.experiment_id = r.experiment_id
     WHERE r.workspace = ? AND r.run_id = ?`,
    [workspace, runId],
  );
  if (!run) return undefined;
  const metrics = await tx.all<{ key: string; value: number; is_nan: number }>(
    "SELECT key, value, is_nan FROM latest_metrics WHERE rid = ? ORDER BY key LIMIT ?",
    [run.rid, MOST_METRICS],
  );
  const datasets = await tx.all<{ name: string; digest: string; source: string; context: string | null }>(
    `SELECT d.name, d.digest, substr(d.source, 1, ${SOURCE_LENGTH}) AS source, t.value AS context
     FROM inputs i JOIN datasets d ON d.dataset_id = i.dataset_id
     LEFT JOIN input_tags t ON t.rid = i.rid AND t.dataset_id = i.dataset_id AND t.key = 'mlflow.data.context'
     WHERE i.rid = ? ORDER BY d.name, d.digest LIMIT ?`,
    [run.rid, MOST_DATASETS],
  );
  const git = await tx.get<{ value: string }>(
    "SELECT value FROM tags WHERE rid = ? AND key = 'mlflow.source.git.commit'",
    [run.rid],
  );
  return {
    isActive: run.lifecycle_stage === "active",
    facts: {
      runName: run.run_name,
      user: run.user_id,
      experimentId: String(run.experiment_id),
      experimentName: run.experiment ?? "",
      commit: git?.value ?? "",
      datasets: datasets.map((one) => ({ ...one, context: one.context ?? "" })),
      metrics: Object.fromEntries(metrics.map((one) => [one.key, one.is_nan === 0 ? one.value : null])),
    },
  };
}
