import { defineCommand } from "../store/database.ts";
import { SlipwayError } from "../http/errors.ts";
import { beginOwn, type Bringing } from "./items.ts";
import { logSpans, type TraceSpans } from "../tracking/traces/log-spans.ts";
import { traceRow } from "../tracking/traces/rows.ts";
import { startTrace } from "../tracking/traces/start-commands.ts";
import type { TraceInfo } from "../tracking/traces/trace-info.ts";

interface Args extends Bringing {
  workspace: string;
  info: TraceInfo;
  spans: TraceSpans | null;
  /** Assessments that others have overridden. */
  invalid: string[];
}

/** Brings a trace with its spans and assessments, or brings it up to date. */
export const importTrace = defineCommand("imports.trace", async (tx, args: Args): Promise<void> => {
  const { workspace, info, spans } = args;
  const here = await tx.get("SELECT 1 AS here FROM traces WHERE trace_id = ?", [info.traceId]);
  await beginOwn(tx, args, { kind: "trace", id: info.traceId, isHere: here !== undefined });
  await startTrace.run(tx, { workspace, info, isOfAnyStage: true });
  if (spans !== null) {
    const refused = await logSpans.run(tx, {
      workspace,
      experimentId: info.experimentId,
      runId: null,
      traces: [spans],
    });
    if (refused > 0)
      throw new SlipwayError("TOO_LARGE", "the trace has more spans than are kept", { where: info.traceId });
  }
  const { tid } = await traceRow(tx, workspace, info.traceId);
  for (const id of args.invalid) {
    await tx.run("UPDATE assessments SET valid = 0 WHERE tid = ? AND assessment_id = ?", [tid, id]);
  }
});
