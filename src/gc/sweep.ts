import type { ReadTx } from "../store/database.ts";
import type { GcDeps } from "./deps.ts";
import { forEach, removeFolder } from "./files.ts";
import type { GcJob } from "./job.ts";
import { versionThatNeeds } from "./references.ts";
import { sweepRows } from "./sweep-command.ts";
import type { Doomed } from "./thing.ts";

const PAGE = 100;
/** So many failures one after the other mean that the store doesn't answer: others would fail as well. */
const FAILURES = 5;
/** Longest rest between two batches, in milliseconds. */
const REST_MS = 200;

/**
 * Removes what is written down as doomed behind a number: its files, then its rows, then the note of it. What was begun
 * before a crash is among it. Answers the last number, and adds to the job what went.
 */
export async function sweepDoomed(
  deps: GcDeps,
  job: Pick<GcJob, "deleted" | "leftBehind">,
  after: number,
  signal: AbortSignal,
): Promise<number> {
  let last = after;
  for (;;) {
    signal.throwIfAborted();
    const from = last;
    const { things, needed } = await deps.db.read(async (tx) => {
      const found = await tx.all<Doomed>(
        "SELECT seq, workspace, kind, number, id, path FROM doomed WHERE seq > ? ORDER BY seq LIMIT ?",
        [from, PAGE],
      );
      return { things: found, needed: await stillNeeded(tx, found) };
    });
    last = things.at(-1)?.seq ?? last;
    if (things.length === 0) return last;
    const filesGone = await removeFiles(deps, job, things, needed, signal);
    await removeRows(deps, job, things, filesGone, signal);
  }
}

async function removeFiles(
  { blobs, logDefect }: GcDeps,
  job: Pick<GcJob, "deleted" | "leftBehind">,
  things: readonly Doomed[],
  needed: ReadonlySet<number>,
  signal: AbortSignal,
): Promise<number[]> {
  const gone: number[] = [];
  let failures = 0;
  await forEach(things, async ({ seq, kind, id, path }) => {
    signal.throwIfAborted();
    if (path === null) {
      if (kind === "run" || kind === "model") job.deleted.elsewhere++;
    } else if (!needed.has(seq)) {
      try {
        const { files, bytes } = await removeFolder(blobs, path);
        job.deleted.files += files;
        job.deleted.bytes += bytes;
        failures = 0;
      } catch (error) {
        job.leftBehind++;
        if (++failures >= FAILURES) throw error;
        logDefect(error, `deleting the files of ${kind} ${id}`);
        return;
      }
    }
    gone.push(seq);
  });
  return gone;
}

/** Rests after each batch as long as that took: others who write get every other turn. */
async function removeRows(
  { db, clock }: GcDeps,
  job: Pick<GcJob, "deleted">,
  things: readonly Doomed[],
  filesGone: number[],
  signal: AbortSignal,
): Promise<void> {
  for (let left = things; left.length > 0;) {
    signal.throwIfAborted();
    const began = clock.now();
    const { rows, done } = await db.write(sweepRows, { things: [...left], filesGone });
    await clock.sleep(Math.min(REST_MS, Math.max(0, clock.now() - began)), signal);
    job.deleted.rows += rows;
    left = left.filter(({ seq }) => !done.includes(seq));
  }
}

/** Those whose folder is somebody's again: brought in anew under the same id, or registered at the last moment. */
async function stillNeeded(tx: ReadTx, things: readonly Doomed[]): Promise<Set<number>> {
  const needed = new Set<number>();
  for (const { seq, workspace, kind, id, path } of things) {
    if (path === null) continue;
    const again =
      (await isThere(tx, workspace, kind, id)) ||
      (await versionThatNeeds(tx, workspace, { folder: path })) !== undefined;
    if (again) needed.add(seq);
  }
  return needed;
}

async function isThere(tx: ReadTx, workspace: string, kind: Doomed["kind"], id: string): Promise<boolean> {
  // Numbers of experiments are never given again.
  if (kind === "experiment") return false;
  const [table, column] = {
    run: ["runs", "run_id"] as const,
    model: ["logged_models", "model_id"] as const,
    trace: ["traces", "trace_id"] as const,
  }[kind];
  const sql = `SELECT 1 AS one FROM ${table} WHERE ${column} = ? AND workspace = ?`;
  return (await tx.get(sql, [id, workspace])) !== undefined;
}
