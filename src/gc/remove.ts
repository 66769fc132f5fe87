import { deletedExperiments, deletedModels, deletedRuns } from "./candidates.ts";
import type { GcDeps } from "./deps.ts";
import { COUNT_OF, keep, type GcJob } from "./job.ts";
import { MARK_BATCH, markExperiments, markModels, markRuns, markTraces } from "./mark-commands.ts";
import { sweepDoomed } from "./sweep.ts";
import type { Kind, Wanted } from "./thing.ts";

/**
 * Deletes for good, a batch at a time: each is marked in one transaction, and then swept. Killed at any line it leaves
 * things whole, or gone with what is left of them written down. `after` is the last number that was swept, and the answer.
 */
export async function remove(
  deps: GcDeps,
  job: GcJob,
  wanted: Wanted,
  after: number,
  signal: AbortSignal,
): Promise<number> {
  const { db, clock } = deps;
  let last = after;
  const args = <Id>(ids: Id[]) => ({
    workspace: wanted.workspace,
    artifactRoot: deps.artifactRoot,
    wanted,
    ids,
    now: clock.now(),
  });
  const count = async (kind: Kind, gone: number): Promise<void> => {
    job.deleted[COUNT_OF[kind]] += gone;
    job.deleted.rows += gone;
    last = await sweepDoomed(deps, job, last, signal);
  };

  for (let at: number | undefined = 0; at !== undefined;) {
    signal.throwIfAborted();
    const from: number = at;
    const { rows, next } = await db.read((tx) => deletedRuns(tx, wanted, from, MARK_BATCH));
    at = next;
    if (rows.length === 0) continue;
    await deps.beforeRunsGo(
      wanted.workspace,
      rows.map((row) => row.run_id),
    );
    const { gone, kept } = await db.write(markRuns, args(rows.map((row) => row.rid)));
    keep(job, kept);
    await count("run", gone);
  }

  for (let at = ""; ;) {
    signal.throwIfAborted();
    const from = at;
    const rows = await db.read((tx) => deletedModels(tx, wanted, from, MARK_BATCH));
    at = rows.at(-1)?.model_id ?? at;
    if (rows.length === 0) break;
    const { gone, kept } = await db.write(markModels, args(rows.map((row) => row.model_id)));
    keep(job, kept);
    await count("model", gone);
  }

  const experiments = await db.read((tx) => deletedExperiments(tx, wanted));
  for (let at = 0; at < experiments.length; at += MARK_BATCH) {
    const ids = experiments.slice(at, at + MARK_BATCH).map((row) => row.experiment_id);
    for (let gone = -1; gone !== 0;) {
      signal.throwIfAborted();
      gone = await db.write(markTraces, args(ids));
      await count("trace", gone);
    }
    const { gone, kept } = await db.write(markExperiments, args(ids));
    keep(job, kept);
    await count("experiment", gone);
  }
  return last;
}
