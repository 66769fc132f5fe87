import { SlipwayError } from "../http/errors.ts";
import { DEFAULT_TENANT } from "../http/identity.ts";
import { defineCommand, type Migration, type ReadTx, type SqlValue, type Tx } from "../store/database.ts";
import type { PipelineRun } from "./pipeline-run.ts";

export const pipelineMigrations: readonly Migration[] = [
  {
    id: "pipelines-001",
    statements: [
      `CREATE TABLE pipeline_runs (
        id TEXT PRIMARY KEY, request_key TEXT NOT NULL UNIQUE, project TEXT NOT NULL, commit_id TEXT NOT NULL,
        ref TEXT NOT NULL, pusher TEXT NOT NULL, spec TEXT NOT NULL, cache INTEGER NOT NULL, state TEXT NOT NULL,
        reason TEXT, code TEXT, tracking_run_id TEXT NOT NULL, model TEXT, version BIGINT, rollout_id TEXT,
        created_at BIGINT NOT NULL, started_at BIGINT, finished_at BIGINT, cancel_requested INTEGER NOT NULL,
        announced INTEGER NOT NULL, steps TEXT NOT NULL)`,
      "CREATE INDEX pipeline_runs_project ON pipeline_runs (project, created_at)",
      "CREATE INDEX pipeline_runs_created ON pipeline_runs (created_at)",
      "CREATE INDEX pipeline_runs_announced ON pipeline_runs (announced, created_at)",
    ],
  },
  {
    id: "pipelines-002",
    // What every scrape of /metrics counts, without the steps and specs of all runs.
    statements: ["CREATE INDEX pipeline_runs_by_state ON pipeline_runs (project, state, finished_at)"],
  },
  {
    // Its project's tenant. All that ran before belongs to the default one.
    id: "pipelines-003",
    statements: [
      `ALTER TABLE pipeline_runs ADD COLUMN workspace TEXT NOT NULL DEFAULT '${DEFAULT_TENANT}'`,
      "CREATE INDEX pipeline_runs_by_workspace ON pipeline_runs (workspace, created_at)",
    ],
  },
  {
    // Of one that ran on another platform and came here with what it made.
    id: "pipelines-004",
    statements: [
      "ALTER TABLE pipeline_runs ADD COLUMN brought_from TEXT",
      "CREATE INDEX pipeline_runs_by_commit ON pipeline_runs (project, commit_id)",
    ],
  },
];

interface Row {
  id: string;
  project: string;
  workspace: string;
  commit_id: string;
  ref: string;
  pusher: string;
  spec: string;
  cache: number;
  state: PipelineRun["state"];
  reason: string | null;
  code: PipelineRun["code"];
  tracking_run_id: string;
  model: string | null;
  version: number | null;
  rollout_id: string | null;
  created_at: number;
  started_at: number | null;
  finished_at: number | null;
  cancel_requested: number;
  announced: number;
  steps: string;
  brought_from: string | null;
}

function fromRow(row: Row): PipelineRun {
  const time = (value: number | null): number | null => (value === null ? null : Number(value));
  return {
    id: row.id,
    project: row.project,
    tenant: row.workspace,
    commit: row.commit_id,
    ref: row.ref,
    pusher: row.pusher,
    spec: JSON.parse(row.spec) as PipelineRun["spec"],
    cache: row.cache !== 0,
    state: row.state,
    reason: row.reason,
    code: row.code,
    trackingRunId: row.tracking_run_id,
    model: row.model,
    version: time(row.version),
    rolloutId: row.rollout_id,
    createdAt: Number(row.created_at),
    startedAt: time(row.started_at),
    finishedAt: time(row.finished_at),
    cancelRequested: row.cancel_requested !== 0,
    announced: row.announced !== 0,
    steps: JSON.parse(row.steps) as PipelineRun["steps"],
    ...(row.brought_from === null ? {} : { broughtFrom: row.brought_from }),
  };
}

/** Writes all of it. `key`: no second pipeline run has it. */
export async function writePipelineRun(tx: Tx, key: string, run: PipelineRun): Promise<void> {
  const values: Record<string, SqlValue> = {
    id: run.id,
    request_key: key,
    project: run.project,
    workspace: run.tenant,
    commit_id: run.commit,
    ref: run.ref,
    pusher: run.pusher,
    spec: JSON.stringify(run.spec),
    cache: run.cache ? 1 : 0,
    state: run.state,
    reason: run.reason,
    code: run.code,
    tracking_run_id: run.trackingRunId,
    model: run.model,
    version: run.version,
    rollout_id: run.rolloutId,
    created_at: run.createdAt,
    started_at: run.startedAt,
    finished_at: run.finishedAt,
    cancel_requested: run.cancelRequested ? 1 : 0,
    announced: run.announced ? 1 : 0,
    steps: JSON.stringify(run.steps),
    brought_from: run.broughtFrom ?? null,
  };
  const columns = Object.keys(values);
  await tx.run(
    `INSERT INTO pipeline_runs (${columns.join(", ")}) VALUES (${columns.map(() => "?").join(", ")})`,
    Object.values(values),
  );
}

/** A new pipeline run, or the one that this key has made already. PIPELINE_QUEUE_FULL when too many wait. */
export const insertPipelineRun = defineCommand(
  "pipelines.insert",
  async (tx, args: { key: string; run: PipelineRun; maxQueued: number }): Promise<{ id: string }> => {
    const { key, run, maxQueued } = args;
    const known = await tx.get<{ id: string }>("SELECT id FROM pipeline_runs WHERE request_key = ?", [key]);
    if (known) return known;
    const waiting = await tx.get<{ n: number }>(
      "SELECT COUNT(*) AS n FROM pipeline_runs WHERE project = ? AND announced = 0 AND state = 'queued'",
      [run.project],
    );
    if (Number(waiting?.n ?? 0) >= maxQueued)
      throw new SlipwayError(
        "PIPELINE_QUEUE_FULL",
        `${maxQueued} pipeline runs of ${run.project} wait already`,
      );
    await writePipelineRun(tx, key, run);
    return { id: run.id };
  },
);

/** What may change while a pipeline run goes on. */
export type PipelineRunPatch = Partial<
  Pick<
    PipelineRun,
    | "state"
    | "reason"
    | "code"
    | "trackingRunId"
    | "version"
    | "rolloutId"
    | "startedAt"
    | "finishedAt"
    | "steps"
  >
>;

const COLUMNS: Record<keyof PipelineRunPatch, string> = {
  state: "state",
  reason: "reason",
  code: "code",
  trackingRunId: "tracking_run_id",
  version: "version",
  rolloutId: "rollout_id",
  startedAt: "started_at",
  finishedAt: "finished_at",
  steps: "steps",
};

/** Changes a pipeline run that hasn't ended; false when it has, and nothing was changed. */
export const updatePipelineRun = defineCommand(
  "pipelines.update",
  async (tx, args: { id: string; patch: PipelineRunPatch }): Promise<boolean> => {
    const keys = Object.keys(args.patch) as (keyof PipelineRunPatch)[];
    const values: SqlValue[] = keys.map((key) => {
      const value = args.patch[key];
      return Array.isArray(value) ? JSON.stringify(value) : (value ?? null);
    });
    const set = keys.map((key) => `${COLUMNS[key]} = ?`).join(", ");
    const { changes } = await tx.run(`UPDATE pipeline_runs SET ${set} WHERE id = ? AND finished_at IS NULL`, [
      ...values,
      args.id,
    ]);
    return changes > 0;
  },
);

/** Somebody wants it to end; false when it has ended already. */
export const requestCancel = defineCommand(
  "pipelines.request-cancel",
  async (tx, args: { id: string }): Promise<boolean> => {
    const { changes } = await tx.run(
      "UPDATE pipeline_runs SET cancel_requested = 1 WHERE id = ? AND finished_at IS NULL",
      [args.id],
    );
    return changes > 0;
  },
);

/** The event of its end is stored. */
export const setAnnounced = defineCommand(
  "pipelines.announced",
  async (tx, args: { id: string }): Promise<void> => {
    await tx.run("UPDATE pipeline_runs SET announced = 1 WHERE id = ?", [args.id]);
  },
);

/** For the writer's thread. */
export const pipelineCommands = [insertPipelineRun, updatePipelineRun, requestCancel, setAnnounced];

export async function readPipelineRun(tx: ReadTx, id: string): Promise<PipelineRun | undefined> {
  const row = await tx.get<Row>("SELECT * FROM pipeline_runs WHERE id = ?", [id]);
  return row && fromRow(row);
}

/** Of a tenant, newest first. */
export async function readPipelineRuns(
  tx: ReadTx,
  { tenant, project, limit }: { tenant: string; project?: string; limit: number },
): Promise<PipelineRun[]> {
  const rows = await tx.all<Row>(
    `SELECT * FROM pipeline_runs WHERE workspace = ? ${project === undefined ? "" : "AND project = ?"}
     ORDER BY created_at DESC, id DESC LIMIT ?`,
    project === undefined ? [tenant, limit] : [tenant, project, limit],
  );
  return rows.map(fromRow);
}

/** Those that somebody still has to work on, oldest first. */
export async function readUnfinished(tx: ReadTx): Promise<PipelineRun[]> {
  const rows = await tx.all<Row>("SELECT * FROM pipeline_runs WHERE announced = 0 ORDER BY created_at, id");
  return rows.map(fromRow);
}

/** Of a project, in the order of their ids, for whoever takes them elsewhere. */
export async function readEndedRuns(
  tx: ReadTx,
  { tenant, project, after, limit }: { tenant: string; project: string; after: string; limit: number },
): Promise<PipelineRun[]> {
  const rows = await tx.all<Row>(
    `SELECT * FROM pipeline_runs WHERE workspace = ? AND project = ? AND id > ? AND announced = 1
     ORDER BY id LIMIT ?`,
    [tenant, project, after, limit],
  );
  return rows.map(fromRow);
}

/** Ids of a project's that somebody still has to work on: at most a hundred. */
export async function readUnderWay(
  tx: ReadTx,
  { tenant, project }: { tenant: string; project: string },
): Promise<string[]> {
  const rows = await tx.all<{ id: string }>(
    "SELECT id FROM pipeline_runs WHERE workspace = ? AND project = ? AND announced = 0 ORDER BY id LIMIT 100",
    [tenant, project],
  );
  return rows.map(({ id }) => id);
}
