import { defineCommand, type Migration, type ReadTx, type Tx } from "../store/database.ts";
import { claimProject, projectOwnersMigration } from "./project-owners.ts";

/** A branch that moved to a commit: one per move, also when it comes back to an older commit. */
export interface ProjectPush {
  /** `push-…` */
  id: string;
  project: string;
  ref: string;
  commit: string;
  /** Zeros, as Git writes them, for the first push of the branch. */
  previous: string;
  pusher: string;
  /** Milliseconds since the epoch. */
  at: number;
  /** Null until its pipeline run has been started. */
  pipelineRunId: string | null;
}

/** Pushes to projects' default branches, and the pipeline runs they started. */
export const gitMigrations: readonly Migration[] = [
  {
    id: "git-001",
    statements: [
      `CREATE TABLE project_pushes (
        id TEXT PRIMARY KEY, project TEXT NOT NULL, ref TEXT NOT NULL, sequence BIGINT NOT NULL,
        commit_id TEXT NOT NULL, previous TEXT NOT NULL, pusher TEXT NOT NULL, at BIGINT NOT NULL,
        pipeline_run_id TEXT, UNIQUE (project, ref, sequence))`,
      `CREATE INDEX project_pushes_by_commit ON project_pushes (project, commit_id)`,
      `CREATE INDEX project_pushes_to_start ON project_pushes (pipeline_run_id, project)`,
    ],
  },
  projectOwnersMigration,
];

interface PushRow {
  id: string;
  project: string;
  ref: string;
  sequence: number | bigint | string;
  commit_id: string;
  previous: string;
  pusher: string;
  at: number | bigint | string;
  pipeline_run_id: string | null;
}

/**
 * The push of this move, made when it is new. The same move told twice (by the hook, and found again at the
 * next start) is one push: the newest push of that commit, unless the branch has moved away from it since.
 * Moves may be told in another order than they happened.
 */
export const recordPush = defineCommand(
  "git.recordPush",
  async (tx: Tx, push: Omit<ProjectPush, "pipelineRunId">): Promise<ProjectPush> => {
    const known = await tx.get<PushRow>(
      "SELECT * FROM project_pushes WHERE project = ? AND ref = ? AND commit_id = ? ORDER BY sequence DESC LIMIT 1",
      [push.project, push.ref, push.commit],
    );
    if (known) {
      const left = await tx.get(
        "SELECT id FROM project_pushes WHERE project = ? AND ref = ? AND previous = ? AND sequence > ? LIMIT 1",
        [push.project, push.ref, push.commit, Number(known.sequence)],
      );
      if (!left) return pushOf(known);
    }
    const last = await tx.get<{ sequence: number | bigint | string | null }>(
      "SELECT MAX(sequence) AS sequence FROM project_pushes WHERE project = ? AND ref = ?",
      [push.project, push.ref],
    );
    await tx.run("INSERT INTO project_pushes VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL)", [
      push.id,
      push.project,
      push.ref,
      Number(last?.sequence ?? 0) + 1,
      push.commit,
      push.previous,
      push.pusher,
      push.at,
    ]);
    return { ...push, pipelineRunId: null };
  },
);

/** The push's pipeline run has been started. */
export const startedPush = defineCommand(
  "git.startedPush",
  async (tx: Tx, { id, pipelineRunId }: { id: string; pipelineRunId: string }): Promise<void> => {
    await tx.run("UPDATE project_pushes SET pipeline_run_id = ? WHERE id = ?", [pipelineRunId, id]);
  },
);

export const gitCommands = [recordPush, startedPush, claimProject];

/** Pushes whose pipeline run is still to be started, oldest first. */
export async function pushesToStart(tx: ReadTx, limit: number): Promise<ProjectPush[]> {
  const rows = await tx.all<PushRow>(
    "SELECT * FROM project_pushes WHERE pipeline_run_id IS NULL ORDER BY project, ref, sequence LIMIT ?",
    [limit],
  );
  return rows.map(pushOf);
}

/** The newest push of a project, or undefined. */
export async function lastPush(tx: ReadTx, project: string): Promise<ProjectPush | undefined> {
  const row = await tx.get<PushRow>(
    "SELECT * FROM project_pushes WHERE project = ? ORDER BY sequence DESC LIMIT 1",
    [project],
  );
  return row && pushOf(row);
}

function pushOf(row: PushRow): ProjectPush {
  return {
    id: row.id,
    project: row.project,
    ref: row.ref,
    commit: row.commit_id,
    previous: row.previous,
    pusher: row.pusher,
    at: Number(row.at),
    pipelineRunId: row.pipeline_run_id,
  };
}
