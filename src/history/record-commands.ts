import { DEFAULT_TENANT } from "../http/identity.ts";
import { ownerOfService } from "../rollout/service-owners.ts";
import { defineCommand, type Tx } from "../store/database.ts";
import { originOf, type VersionOf } from "./origin.ts";

/** Remembers where a version that serves from now on came from. A repeat brings it up to date. */
export const recordServed = defineCommand(
  "history.record-served",
  async (tx, args: Omit<VersionOf, "workspace"> & { now: number }): Promise<void> => {
    const workspace = (await ownerOfService(tx, args.model)) ?? DEFAULT_TENANT;
    await record(tx, { ...args, workspace });
  },
);

/** The same for all that served and came from tracking runs that are about to go. */
export const recordOfRuns = defineCommand(
  "history.record-of-runs",
  async (tx, args: { workspace: string; runIds: string[]; now: number }): Promise<void> => {
    const { workspace, runIds, now } = args;
    if (runIds.length === 0) return;
    const rows = await tx.all<{ model: string; version: number }>(
      `SELECT model, version FROM served_versions
       WHERE workspace = ? AND run_id IN (${runIds.map(() => "?").join(", ")})`,
      [workspace, ...runIds],
    );
    for (const { model, version } of rows) await record(tx, { workspace, model, version, now });
  },
);

/** Versions that served before anything was remembered; as many as `limit`, and how many there were. */
export const recordEarlier = defineCommand(
  "history.record-earlier",
  async (tx, args: { limit: number; now: number }): Promise<number> => {
    const { limit, now } = args;
    const served = (column: "champion" | "challenger"): string =>
      `SELECT DISTINCT o.workspace, h.service AS model, h.${column} AS version
         FROM rollout_history h JOIN service_owners o ON o.service = h.service WHERE h.${column} IS NOT NULL
         AND NOT EXISTS (SELECT 1 FROM served_versions s
           WHERE s.workspace = o.workspace AND s.model = h.service AND s.version = h.${column})`;
    const rows = await tx.all<{ workspace: string; model: string; version: number }>(
      `${served("champion")} UNION ${served("challenger")} LIMIT ?`,
      [limit],
    );
    for (const { workspace, model, version } of rows)
      await record(tx, { workspace, model, version: Number(version), now });
    return rows.length;
  },
);

export const historyCommands = [recordServed, recordOfRuns, recordEarlier];

async function record(tx: Tx, of: VersionOf & { now: number }): Promise<void> {
  const { origin } = await originOf(tx, of);
  await tx.run(
    `INSERT INTO served_versions (workspace, model, version, run_id, recorded_at, origin) VALUES (?, ?, ?, ?, ?, ?)
     ON CONFLICT (workspace, model, version) DO UPDATE SET run_id = excluded.run_id,
       recorded_at = excluded.recorded_at, origin = excluded.origin`,
    [of.workspace, of.model, of.version, origin.runId, of.now, JSON.stringify(origin)],
  );
}
