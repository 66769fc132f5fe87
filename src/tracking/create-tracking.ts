import { DEFAULT_TENANT } from "../http/identity.ts";
import { artifactPathOf } from "./artifacts/uri.ts";
import type { ReadTx } from "../store/database.ts";
import type { TrackingDeps } from "./deps.ts";
import { createExperiment, ensureDefaultExperiment, setExperimentStage } from "./experiments/commands.ts";
import { byName } from "./experiments/queries.ts";
import type { Logged } from "./logged.ts";
import type { MetricPoint } from "./metrics/metric.ts";
import { noteModelVersion } from "./models/model-versions.ts";
import { createRun, updateRun } from "./runs/commands.ts";
import { logToRun } from "./runs/log.ts";
import { RUN_COLUMNS, type RunRow } from "./runs/queries.ts";
import type { Tracking, TrackingRun } from "./tracking.ts";
import { storedDouble } from "./wire/json.ts";
import type { KeyValue } from "./wire/limits.ts";

/** Where a tracking run's and a logged model's files lie, for whoever must resolve `runs:/` and `models:/m-` URIs. */
export interface ArtifactUris {
  ofRun(workspace: string, runId: string): Promise<string | undefined>;
  /** Of one that isn't deleted. */
  ofLoggedModel(
    workspace: string,
    modelId: string,
  ): Promise<{ artifactUri: string; sourceRunId: string } | undefined>;
  /** Tells a logged model in its tag `mlflow.modelVersions` that it became a version. */
  noteVersion(workspace: string, modelId: string, version: { name: string; version: number }): Promise<void>;
}

/** Tracking for the rest of the platform, within one tenant. Makes sure that the default one's experiment `Default` is there. */
export async function createTracking(
  deps: TrackingDeps & { logged: Logged; workspace?: string },
): Promise<Tracking & { artifactUris: ArtifactUris }> {
  const { db, clock, ids, artifactRoot, logged, workspace = DEFAULT_TENANT } = deps;
  // Models are registered and served from what pipelines log, so the platform must be able to read it.
  const ownRoot = artifactPathOf(artifactRoot) === undefined ? "mlflow-artifacts:/" : artifactRoot;
  if (workspace === DEFAULT_TENANT)
    await db.write(ensureDefaultExperiment, { workspace, artifactRoot, now: clock.now() });

  const write = async (
    runId: string,
    what: { metrics?: MetricPoint[]; params?: KeyValue[]; tags?: KeyValue[] },
  ): Promise<void> => {
    await db.write(logToRun, { workspace, runId, metrics: [], params: [], tags: [], ...what });
  };

  return {
    async ensureExperiment(name) {
      const known = await db.read((tx) => byName(tx, workspace, name));
      const now = clock.now();
      if (!known) {
        const args = { workspace, name, artifactLocation: null, artifactRoot: ownRoot, tags: [], now };
        return { experimentId: String(await db.write(createExperiment, args)) };
      }
      if (known.lifecycle_stage === "deleted") {
        const experimentId = known.experiment_id;
        await db.write(setExperimentStage, { workspace, experimentId, stage: "active", now });
      }
      return { experimentId: String(known.experiment_id) };
    },
    async createRun({ experimentId, runName, tags, runId = ids.hex() }) {
      const { artifactUri } = await db.write(createRun, {
        workspace,
        runId,
        experimentId: Number(experimentId),
        runName,
        userId: "slipway",
        startTime: clock.now(),
        tags: entries({ ...tags, "mlflow.runName": runName }),
      });
      return { runId, artifactUri };
    },
    getRun: (runId) => db.read((tx) => trackingRun(tx, workspace, runId)),
    setTags: (runId, tags) => write(runId, { tags: entries(tags) }),
    async logMetrics(runId, metrics) {
      const timestamp = clock.now();
      await write(runId, {
        metrics: Object.entries(metrics).map(([key, value]) => point(key, value, timestamp)),
      });
      logged.publish(runId, { metrics, params: {} });
    },
    async logParams(runId, params) {
      await write(runId, { params: entries(params) });
      logged.publish(runId, { metrics: {}, params });
    },
    async finishRun(runId, status) {
      await db.write(updateRun, { workspace, runId, status, endTime: clock.now() });
    },
    onLogged: (listener) => logged.subscribe(listener),
    artifactUris: {
      async ofRun(tenant, id) {
        const sql = "SELECT artifact_uri FROM runs WHERE workspace = ? AND run_id = ?";
        return (await db.read((tx) => tx.get<{ artifact_uri: string }>(sql, [tenant, id])))?.artifact_uri;
      },
      async ofLoggedModel(tenant, id) {
        const row = await db.read((tx) =>
          tx.get<{ artifact_uri: string; source_run_id: string | null }>(
            `SELECT artifact_uri, source_run_id FROM logged_models
             WHERE workspace = ? AND model_id = ? AND lifecycle_stage = 'active'`,
            [tenant, id],
          ),
        );
        return row && { artifactUri: row.artifact_uri, sourceRunId: row.source_run_id ?? "" };
      },
      noteVersion: (tenant, modelId, version) =>
        db.write(noteModelVersion, { workspace: tenant, modelId, version }),
    },
  };
}

function entries(record: Record<string, string>): KeyValue[] {
  return Object.entries(record).map(([key, value]) => ({ key, value }));
}

function point(key: string, value: number, timestamp: number): MetricPoint {
  const nothing = { modelId: null, datasetName: null, datasetDigest: null };
  return { key, ...storedDouble(value), timestamp, step: 0, ...nothing };
}

async function trackingRun(tx: ReadTx, workspace: string, runId: string): Promise<TrackingRun | undefined> {
  const sql = `SELECT ${RUN_COLUMNS} FROM runs r WHERE r.run_id = ? AND r.workspace = ?`;
  const row = await tx.get<RunRow>(sql, [runId, workspace]);
  if (!row) return undefined;
  const metrics = await tx.all<{ key: string; value: number; is_nan: number }>(
    "SELECT key, value, is_nan FROM latest_metrics WHERE rid = ?",
    [row.rid],
  );
  const texts = async (table: "params" | "tags"): Promise<Record<string, string>> => {
    const rows = await tx.all<KeyValue>(`SELECT key, value FROM ${table} WHERE rid = ?`, [row.rid]);
    return Object.fromEntries(rows.map(({ key, value }) => [key, value]));
  };
  const models = await tx.all<{ model_id: string; name: string; artifact_uri: string }>(
    `SELECT model_id, name, artifact_uri FROM logged_models
     WHERE source_run_id = ? AND workspace = ? AND lifecycle_stage = 'active' ORDER BY creation_time, model_id`,
    [runId, workspace],
  );
  return {
    runId,
    experimentId: String(row.experiment_id),
    status: row.status,
    artifactUri: row.artifact_uri,
    metrics: Object.fromEntries(metrics.map((m) => [m.key, m.is_nan === 0 ? m.value : Number.NaN])),
    params: await texts("params"),
    tags: await texts("tags"),
    loggedModels: models.map((m) => ({ modelId: m.model_id, name: m.name, artifactUri: m.artifact_uri })),
  };
}
