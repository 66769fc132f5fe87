import type { Clock } from "../base/clock.ts";
import type { Database } from "../store/database.ts";
import { finishAudit, pruneAudit } from "./audit-commands.ts";
import { DEFAULT_TENANT } from "../http/identity.ts";

const DAY_MS = 86_400_000;
/** After a start, and between two passes. */
const FIRST_MS = 60_000;
const BATCH = 500;
/** Between two batches: others write as well. */
const REST_MS = 100;

export interface AuditRetentionDeps {
  db: Database;
  clock: Clock;
  /** Days for which rows are kept. */
  days: number;
}

/**
 * Takes rows away that are older than the audit log is kept; how many. What it took is itself a row of the log. The
 * newest row counts as well as the clock, so that a machine that starts with a wrong clock doesn't lose its log.
 */
export async function pruneOnce(
  { db, clock, days }: AuditRetentionDeps,
  signal: AbortSignal,
): Promise<number> {
  const newest = await db.read((tx) =>
    tx.get<{ at: number }>("SELECT at FROM audit ORDER BY id DESC LIMIT 1"),
  );
  if (newest === undefined) return 0;
  const before = Math.min(clock.now(), newest.at) - days * DAY_MS;
  let rows = 0;
  for (let taken = BATCH; taken === BATCH && !signal.aborted;) {
    taken = await db.write(pruneAudit, { before, limit: BATCH });
    rows += taken;
    if (taken === BATCH) await clock.sleep(REST_MS, signal).catch(() => undefined);
  }
  if (rows === 0) return 0;
  await db.write(finishAudit, {
    at: clock.now(),
    ticket: null,
    tenant: DEFAULT_TENANT,
    actor: "platform",
    actorKind: "local",
    tokenId: null,
    action: "prune-audit",
    subject: "audit",
    given: { before: new Date(before).toISOString(), rows },
    was: null,
    became: null,
    address: null,
    status: 200,
  });
  return rows;
}

/** A pass soon after the start, and one a day, until the signal is aborted. */
export async function keepPruning(
  deps: AuditRetentionDeps,
  signal: AbortSignal,
  onError: (error: unknown) => void,
): Promise<void> {
  for (let rest = FIRST_MS; ; rest = DAY_MS) {
    await deps.clock.sleep(rest, signal).catch(() => undefined);
    if (signal.aborted) return;
    await pruneOnce(deps, signal).catch(onError);
  }
}
