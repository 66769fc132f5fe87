import { defineCommand } from "../../store/database.ts";
import { joinUri } from "../artifacts/uri.ts";
import { activeExperiment } from "../experiments/commands.ts";
import { insertTags, setRunTag } from "../tags/commands.ts";
import { invalid } from "../wire/errors.ts";
import type { KeyValue } from "../wire/limits.ts";
import { activeRun, runInfo, runRow, runScope, type RunStatus } from "./queries.ts";

interface CreateArgs {
  workspace: string;
  runId: string;
  experimentId: number;
  runName: string;
  userId: string;
  startTime: number | bigint;
  tags: KeyValue[];
}

/** A new tracking run, or the one that has this id already; where its artifacts go. */
export const createRun = defineCommand(
  "tracking.create-run",
  async (tx, args: CreateArgs): Promise<{ artifactUri: string }> => {
    const { runId, experimentId, workspace } = args;
    const experiment = await activeExperiment(tx, workspace, experimentId);
    const artifactUri = joinUri(experiment.artifact_location, runId, "artifacts");
    const row = await tx.get<{ rid: number }>(
      `INSERT INTO runs (run_id, experiment_id, run_name, user_id, status, start_time, artifact_uri, lifecycle_stage,
         workspace) VALUES (?, ?, ?, ?, 'RUNNING', ?, ?, 'active', ?) ON CONFLICT (run_id) DO NOTHING RETURNING rid`,
      [runId, experimentId, args.runName, args.userId, args.startTime, artifactUri, workspace],
    );
    if (!row) return { artifactUri: (await runRow(tx, workspace, runId)).artifact_uri };
    await insertTags(tx, { rid: row.rid, experiment_id: experimentId }, args.tags);
    return { artifactUri };
  },
  { scope: runScope },
);

interface UpdateArgs {
  workspace: string;
  runId: string;
  status?: RunStatus | undefined;
  endTime?: number | bigint | undefined;
  runName?: string | undefined;
}

/** Changes what is given; answers MLflow's RunInfo. */
export const updateRun = defineCommand(
  "tracking.update-run",
  async (tx, args: UpdateArgs): Promise<object> => {
    const run = await activeRun(tx, args.workspace, args.runId);
    const { rid } = run;
    if (args.status !== undefined) {
      await tx.run("UPDATE runs SET status = ? WHERE rid = ?", [args.status, rid]);
    }
    if (args.endTime !== undefined) {
      await tx.run("UPDATE runs SET end_time = ? WHERE rid = ?", [args.endTime, rid]);
    }
    if (args.runName) await setRunTag(tx, run, { key: "mlflow.runName", value: args.runName });
    return runInfo(await runRow(tx, args.workspace, args.runId));
  },
  { scope: runScope },
);

/** Deletes or restores; a repeat is no error. */
export const setRunStage = defineCommand(
  "tracking.set-run-stage",
  async (
    tx,
    args: { workspace: string; runId: string; stage: "active" | "deleted"; now: number },
  ): Promise<void> => {
    const run = await runRow(tx, args.workspace, args.runId);
    await tx.run("UPDATE runs SET lifecycle_stage = ?, deleted_time = ? WHERE rid = ?", [
      args.stage,
      args.stage === "deleted" ? args.now : null,
      run.rid,
    ]);
  },
);

/** `runs/log-model` of old clients: a list of model descriptions in a tag. */
export const recordModel = defineCommand(
  "tracking.record-model",
  async (
    tx,
    { workspace, runId, modelJson }: { workspace: string; runId: string; modelJson: string },
  ): Promise<void> => {
    const run = await activeRun(tx, workspace, runId);
    const key = "mlflow.log-model.history";
    const tag = await tx.get<{ value: string }>("SELECT value FROM tags WHERE rid = ? AND key = ?", [
      run.rid,
      key,
    ]);
    const history: unknown = JSON.parse(tag?.value ?? "[]");
    if (!Array.isArray(history)) throw invalid(`The tag ${key} doesn't hold a list.`);
    const value = JSON.stringify([...history, JSON.parse(modelJson)]);
    await setRunTag(tx, run, { key, value });
  },
);

export const runCommands = [createRun, updateRun, setRunStage, recordModel];
