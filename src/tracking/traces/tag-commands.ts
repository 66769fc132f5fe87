import { defineCommand } from "../../store/database.ts";
import { missing } from "../wire/errors.ts";
import { TAG } from "./names.ts";
import { putEntries, traceRow } from "./rows.ts";

interface TagArgs {
  workspace: string;
  traceId: string;
  key: string;
  /** Null removes the tag. */
  value: string | null;
}

/** Sets or removes a tag of a trace; the trace's name is one of them. */
export const setTraceTag = defineCommand(
  "traces.set-tag",
  async (tx, { workspace, traceId, key, value }: TagArgs): Promise<void> => {
    const { tid, name } = await traceRow(tx, workspace, traceId);
    const absent = (): Error => missing(`No trace tag with key '${key}' for trace with ID '${traceId}'`);
    if (key === TAG.name) {
      if (value === null && name === null) throw absent();
      await tx.run("UPDATE traces SET name = ? WHERE tid = ?", [value, tid]);
    } else if (value === null) {
      const sql = "DELETE FROM trace_tags WHERE tid = ? AND key = ?";
      if ((await tx.run(sql, [tid, key])).changes === 0) throw absent();
    } else {
      await putEntries(tx, "trace_tags", tid, [[key, value]]);
    }
  },
);
