import { defineCommand, type Tx } from "../../store/database.ts";
import { requireRun } from "./log-spans.ts";
import { linkTrace, traceRow, traceRows } from "./rows.ts";

/** For so long a link waits for its trace. */
const EARLY_LINK_MS = 24 * 3600 * 1000;

interface LinkArgs {
  workspace: string;
  runId: string;
  traceIds: string[];
  /** Milliseconds since the epoch. */
  now: number;
}

/**
 * Links traces to a tracking run. Clients send traces in the background, so a link may come before its trace: it is
 * kept for a day, and made when the trace comes.
 */
export const linkTracesToRun = defineCommand(
  "traces.link-to-run",
  async (tx, { workspace, runId, traceIds, now }: LinkArgs): Promise<void> => {
    await requireRun(tx, workspace, runId);
    await tx.run("DELETE FROM trace_links_early WHERE at < ?", [now - EARLY_LINK_MS]);
    const known = new Map(
      (await traceRows(tx, workspace, traceIds)).map(({ trace_id: id, tid }) => [id, tid]),
    );
    for (const traceId of traceIds) {
      const tid = known.get(traceId);
      if (tid === undefined) await keepEarlyLink(tx, { workspace, traceId, runId, now });
      else await linkTrace(tx, tid, "run", runId);
    }
  },
);

function keepEarlyLink(
  tx: Tx,
  { workspace, traceId, runId, now }: { workspace: string; traceId: string; runId: string; now: number },
): Promise<unknown> {
  return tx.run(
    `INSERT INTO trace_links_early (workspace, trace_id, run_id, at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING`,
    [workspace, traceId, runId, now],
  );
}

/** Links prompt versions (`name/version`) to a trace. */
export const linkPromptsToTrace = defineCommand(
  "traces.link-prompts",
  async (tx, args: { workspace: string; traceId: string; prompts: string[] }): Promise<void> => {
    const { tid } = await traceRow(tx, args.workspace, args.traceId);
    for (const prompt of args.prompts) await linkTrace(tx, tid, "prompt", prompt);
  },
);
