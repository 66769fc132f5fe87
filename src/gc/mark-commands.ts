import { defineCommand, type SqlValue, type Tx } from "../store/database.ts";
import {
  deletedExperiments,
  marks,
  modelConditions,
  runConditions,
  type DeletedExperiment,
  type DeletedModel,
  type DeletedRun,
} from "./candidates.ts";
import { sortExperiments, sortModels, sortRuns, type Place } from "./keep.ts";
import { folderOf } from "./references.ts";
import type { Kept, Kind, Wanted } from "./thing.ts";

/** Things that one command takes away: bounds how long other writes wait for it. */
export const MARK_BATCH = 50;
export const TRACE_BATCH = 200;

interface MarkArgs<Id> extends Place {
  wanted: Wanted;
  /** At most MARK_BATCH that were found; looked at once more. */
  ids: Id[];
  now: number;
}

interface Marked {
  gone: number;
  kept: Kept[];
}

/**
 * From here on they are gone for everybody: the row that names a thing goes, and what hangs on it is written down to be
 * removed, in one transaction. What was restored meanwhile, or is needed now, stays.
 */
export const markRuns = defineCommand("gc.mark-runs", async (tx, args: MarkArgs<number>): Promise<Marked> => {
  const { sql, params } = runConditions(args.wanted);
  const rows = await tx.all<DeletedRun>(
    `SELECT r.rid, r.run_id, r.experiment_id, r.artifact_uri FROM runs r WHERE r.rid IN (${marks(args.ids)}) AND ${sql}`,
    [...args.ids, ...params],
  );
  const { going, kept } = await sortRuns(tx, args, rows);
  for (const { row, folder } of going) {
    await doom(tx, args, { kind: "run", number: row.rid, id: row.run_id, path: folder });
    await tx.run("DELETE FROM runs WHERE rid = ?", [row.rid]);
  }
  return { gone: going.length, kept };
});

export const markModels = defineCommand(
  "gc.mark-models",
  async (tx, args: MarkArgs<string>): Promise<Marked> => {
    const { sql, params } = modelConditions(args.wanted);
    const rows = await tx.all<DeletedModel>(
      `SELECT m.model_id, m.experiment_id, m.artifact_uri FROM logged_models m
     JOIN experiments e ON e.experiment_id = m.experiment_id WHERE m.model_id IN (${marks(args.ids)}) AND ${sql}`,
      [...args.ids, ...params],
    );
    const { going, kept } = await sortModels(tx, args, rows);
    for (const { row, folder } of going) {
      await doom(tx, args, { kind: "model", number: 0, id: row.model_id, path: folder });
      await tx.run("DELETE FROM logged_models WHERE model_id = ?", [row.model_id]);
    }
    return { gone: going.length, kept };
  },
);

/** The next traces of a deleted experiment; how many. */
export const markTraces = defineCommand(
  "gc.mark-traces",
  async (tx, args: MarkArgs<number>): Promise<number> => {
    const experiments = await deletedExperiments(tx, { ...args.wanted, experimentIds: args.ids });
    let gone = 0;
    for (const { experiment_id, artifact_location } of experiments) {
      const root = folderOf(artifact_location, args.workspace);
      const rows = await tx.all<{ tid: number; trace_id: string }>(
        "SELECT tid, trace_id FROM traces WHERE experiment_id = ? AND workspace = ? LIMIT ?",
        [experiment_id, args.workspace, TRACE_BATCH - gone],
      );
      for (const { tid, trace_id } of rows) {
        const path = root === null ? null : `${root}/traces/${trace_id}`;
        await doom(tx, args, { kind: "trace", number: tid, id: trace_id, path });
        await tx.run("DELETE FROM traces WHERE tid = ?", [tid]);
      }
      gone += rows.length;
      if (gone >= TRACE_BATCH) break;
    }
    return gone;
  },
);

/** Experiments that have nothing left; the others are kept. */
export const markExperiments = defineCommand(
  "gc.mark-experiments",
  async (tx, args: MarkArgs<number>): Promise<Marked> => {
    const rows: DeletedExperiment[] = [];
    const kept: Kept[] = [];
    for (const row of await deletedExperiments(tx, { ...args.wanted, experimentIds: args.ids })) {
      if (await isEmpty(tx, row.experiment_id)) rows.push(row);
      else kept.push({ kind: "experiment", id: String(row.experiment_id), why: "something in it is kept" });
    }
    const sorted = await sortExperiments(tx, args, rows);
    for (const { row, folder } of sorted.going) {
      const id = row.experiment_id;
      await doom(tx, args, { kind: "experiment", number: id, id: String(id), path: folder });
      await tx.run("DELETE FROM experiments WHERE experiment_id = ?", [id]);
    }
    return { gone: sorted.going.length, kept: [...kept, ...sorted.kept] };
  },
);

async function isEmpty(tx: Tx, experimentId: number): Promise<boolean> {
  for (const table of ["runs", "logged_models", "traces"]) {
    const sql = `SELECT 1 AS one FROM ${table} WHERE experiment_id = ? LIMIT 1`;
    if (await tx.get(sql, [experimentId])) return false;
  }
  return true;
}

async function doom(
  tx: Tx,
  { workspace, now }: { workspace: string; now: number },
  thing: { kind: Kind; number: number; id: string; path: string | null },
): Promise<void> {
  const values: SqlValue[] = [workspace, thing.kind, thing.number, thing.id, thing.path, now];
  await tx.run(
    "INSERT INTO doomed (workspace, kind, number, id, path, doomed_at) VALUES (?, ?, ?, ?, ?, ?)",
    values,
  );
}
