import type { ReadTx } from "../../store/database.ts";
import { groupBy } from "../../base/group.ts";
import { invalid } from "../wire/errors.ts";
import { traceInfos } from "./messages.ts";
import { METADATA } from "./names.ts";
import { marks, type TraceRow } from "./rows.ts";
import { spanDict } from "./span-dict.ts";

/** Characters of spans that one answer holds. */
const MAX_ANSWER = 128 * 1024 * 1024;

export interface TraceMessage {
  trace_info: object;
  spans: object[];
}

/** Whole traces: roots first, then by start. */
export async function traceMessages(tx: ReadTx, rows: readonly TraceRow[]): Promise<TraceMessage[]> {
  const bytes = rows.reduce((sum, row) => sum + row.span_bytes, 0);
  if (bytes > MAX_ANSWER) {
    throw invalid(
      `The spans of these ${rows.length} traces have ${bytes} bytes, and an answer holds ${MAX_ANSWER}: ask for fewer traces at once.`,
    );
  }
  const tids = rows.map((row) => row.tid);
  const spans = await tx.all<{ tid: number; content: string }>(
    `SELECT tid, content FROM spans WHERE tid IN (${marks(tids) || "NULL"})
     ORDER BY tid, CASE WHEN parent_id IS NULL THEN 0 ELSE 1 END, start_ns, span_id`,
    tids,
  );
  const byTrace = groupBy(spans, (span) => span.tid);
  const infos = await traceInfos(tx, rows);
  return rows.map((row, index) => ({
    trace_info: infos[index] ?? {},
    spans: (byTrace.get(row.tid) ?? []).map((span) => JSON.parse(span.content) as object),
  }));
}

/** The JSON text of MLflow's `traces.json`; undefined for a trace without spans in the database. */
export async function traceFile(tx: ReadTx, row: TraceRow): Promise<string | undefined> {
  if (row.span_bytes > MAX_ANSWER)
    throw invalid(`The spans have ${row.span_bytes} bytes, and an answer ${MAX_ANSWER}.`);
  const spans = await tx.all<{ content: string }>(
    "SELECT content FROM spans WHERE tid = ? ORDER BY CASE WHEN parent_id IS NULL THEN 0 ELSE 1 END, start_ns, span_id",
    [row.tid],
  );
  return spans.length === 0
    ? undefined
    : `{"spans": [${spans.map(({ content }) => spanDict(content)).join(", ")}]}`;
}

/** Those of the traces whose spans have all come, as far as their clients have said how many there are. */
export async function completeTraces(tx: ReadTx, rows: readonly TraceRow[]): Promise<TraceRow[]> {
  const tids = rows.map((row) => row.tid);
  const stats = await tx.all<{ tid: number; value: string }>(
    `SELECT tid, value FROM trace_metadata WHERE key = ? AND tid IN (${marks(tids) || "NULL"})`,
    [METADATA.sizeStats, ...tids],
  );
  const expected = new Map(stats.map(({ tid, value }) => [tid, spansIn(value)]));
  return rows.filter((row) => row.span_count > 0 && row.span_count >= (expected.get(row.tid) ?? 0));
}

function spansIn(stats: string): number {
  try {
    const count = (JSON.parse(stats) as { num_spans?: unknown } | null)?.num_spans;
    return typeof count === "number" ? count : 0;
  } catch {
    return 0;
  }
}
