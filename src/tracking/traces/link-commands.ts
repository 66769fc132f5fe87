import { defineCommand } from "../../store/database.ts";
import { requireRun } from "./log-spans.ts";
import { linkTrace, traceRow, traceRows } from "./rows.ts";

/** Links traces to a tracking run; ids that aren't there are passed over. */
export const linkTracesToRun = defineCommand(
  "traces.link-to-run",
  async (tx, args: { workspace: string; runId: string; traceIds: string[] }): Promise<void> => {
    await requireRun(tx, args.workspace, args.runId);
    for (const { tid } of await traceRows(tx, args.workspace, args.traceIds)) {
      await linkTrace(tx, tid, "run", args.runId);
    }
  },
);

/** Links prompt versions (`name/version`) to a trace. */
export const linkPromptsToTrace = defineCommand(
  "traces.link-prompts",
  async (tx, args: { workspace: string; traceId: string; prompts: string[] }): Promise<void> => {
    const { tid } = await traceRow(tx, args.workspace, args.traceId);
    for (const prompt of args.prompts) await linkTrace(tx, tid, "prompt", prompt);
  },
);
