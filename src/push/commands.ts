import { SlipwayError } from "../http/errors.ts";
import { writePipelineRun } from "../pipelines/commands.ts";
import type { PipelineRun } from "../pipelines/pipeline-run.ts";
import { defineCommand, type ReadTx } from "../store/database.ts";
import type { BroughtRun } from "./wire.ts";

export interface BringArgs {
  workspace: string;
  /** Where it ran. */
  source: string;
  run: BroughtRun;
}

interface Known {
  workspace: string;
  project: string;
  commit_id: string;
  created_at: number;
  state: string;
  brought_from: string | null;
}

/**
 * Notes a pipeline run that ended on another platform. It is over here too: nobody takes it up. The same one again changes
 * nothing; PUSH_CONFLICT when the id is another's here.
 */
export const bringPipelineRun = defineCommand(
  "push.pipeline-run",
  async (tx, { workspace, source, run }: BringArgs): Promise<"brought" | "unchanged"> => {
    const known = await tx.get<Known>(
      "SELECT workspace, project, commit_id, created_at, state, brought_from FROM pipeline_runs WHERE id = ?",
      [run.id],
    );
    if (known !== undefined) {
      if (isSame(known, workspace, run)) return "unchanged";
      throw new SlipwayError("PUSH_CONFLICT", "another pipeline run has this id here", {
        where: `pipeline run ${run.id}`,
      });
    }
    await writePipelineRun(tx, `brought/${run.id}`, {
      ...run,
      // As it was sent: shown, and never carried out.
      spec: run.spec as unknown as PipelineRun["spec"],
      code: run.code as PipelineRun["code"],
      steps: run.steps as PipelineRun["steps"],
      tenant: workspace,
      rolloutId: null,
      cancelRequested: false,
      announced: true,
      broughtFrom: source,
    });
    return "brought";
  },
);

function isSame(known: Known, workspace: string, run: BroughtRun): boolean {
  return (
    known.workspace === workspace &&
    known.project === run.project &&
    known.commit_id === run.commit &&
    Number(known.created_at) === run.createdAt &&
    known.state === run.state
  );
}

/** The rollout that a brought pipeline run's version went live by, for whoever asks about the run. */
export const noteRollout = defineCommand(
  "push.note-rollout",
  async (tx, args: { pipelineRunId: string; rolloutId: string }): Promise<void> => {
    await tx.run(
      "UPDATE pipeline_runs SET rollout_id = ? WHERE id = ? AND brought_from IS NOT NULL AND rollout_id IS NULL",
      [args.rolloutId, args.pipelineRunId],
    );
  },
);

export const pushCommands = [bringPipelineRun, noteRollout];

/**
 * The newest pipeline run that came along for this commit and that no push has used: the push of the commit takes it
 * instead of training once more. A later push that comes back to the commit runs the pipeline.
 */
export async function broughtRunOf(
  tx: ReadTx,
  push: { project: string; commit: string },
): Promise<string | undefined> {
  const row = await tx.get<{ id: string }>(
    `SELECT r.id FROM pipeline_runs r WHERE r.project = ? AND r.commit_id = ? AND r.brought_from IS NOT NULL
       AND NOT EXISTS (SELECT 1 FROM project_pushes p JOIN pipeline_runs b ON b.id = p.pipeline_run_id
         WHERE p.project = r.project AND p.commit_id = r.commit_id AND b.brought_from IS NOT NULL)
     ORDER BY r.created_at DESC, r.id DESC LIMIT 1`,
    [push.project, push.commit],
  );
  return row?.id;
}
