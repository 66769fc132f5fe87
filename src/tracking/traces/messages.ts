import type { ReadTx } from "../../store/database.ts";
import { groupBy } from "../../base/group.ts";
import type { KeyValue } from "../wire/limits.ts";
import { assessmentsOf } from "./assessments/queries.ts";
import { TAG } from "./names.ts";
import { marks, type TraceRow } from "./rows.ts";
import { duration, timestamp } from "./times.ts";

/** Rows whose children are read at once: SQLite takes 32,766 values per statement. */
const CHUNK = 5000;

/** MLflow's TraceInfo (v3) of each row. */
export async function traceInfos(tx: ReadTx, rows: readonly TraceRow[]): Promise<object[]> {
  const found: object[] = [];
  for (let at = 0; at < rows.length; at += CHUNK) {
    const chunk = rows.slice(at, at + CHUNK);
    const { tags, metadata } = await entriesOf(tx, chunk);
    const assessments = await assessmentsOf(tx, chunk);
    for (const row of chunk) {
      const own = assessments.get(row.tid) ?? [];
      found.push({
        trace_id: row.trace_id,
        ...(row.client_request_id === null ? {} : { client_request_id: row.client_request_id }),
        trace_location: {
          type: "MLFLOW_EXPERIMENT",
          mlflow_experiment: { experiment_id: String(row.experiment_id) },
        },
        ...(row.request_preview === null ? {} : { request_preview: row.request_preview }),
        ...(row.response_preview === null ? {} : { response_preview: row.response_preview }),
        request_time: timestamp(row.request_time),
        ...(row.execution_ms === null ? {} : { execution_duration: duration(row.execution_ms) }),
        state: row.state,
        trace_metadata: record(metadata.get(row.tid)),
        tags: record(withName(row, tags.get(row.tid))),
        ...(own.length === 0 ? {} : { assessments: own }),
      });
    }
  }
  return found;
}

/** MLflow's old TraceInfo (v2) of each row. */
export async function oldTraceInfos(tx: ReadTx, rows: readonly TraceRow[]): Promise<object[]> {
  const { tags, metadata } = await entriesOf(tx, rows);
  return rows.map((row) => ({
    request_id: row.trace_id,
    experiment_id: String(row.experiment_id),
    timestamp_ms: row.request_time,
    execution_time_ms: row.execution_ms ?? 0,
    status: row.state === "STATE_UNSPECIFIED" ? "TRACE_STATUS_UNSPECIFIED" : row.state,
    request_metadata: pairs(metadata.get(row.tid)),
    tags: pairs(withName(row, tags.get(row.tid))),
  }));
}

type Own = KeyValue & { tid: number };

async function entriesOf(
  tx: ReadTx,
  rows: readonly TraceRow[],
): Promise<{ tags: Map<number, Own[]>; metadata: Map<number, Own[]> }> {
  const tids = rows.map((row) => row.tid);
  const read = async (table: "trace_tags" | "trace_metadata"): Promise<Map<number, Own[]>> =>
    groupBy(
      await tx.all<Own>(
        `SELECT tid, key, value FROM ${table} WHERE tid IN (${marks(tids) || "NULL"}) ORDER BY tid, key`,
        tids,
      ),
      (entry) => entry.tid,
    );
  return { tags: await read("trace_tags"), metadata: await read("trace_metadata") };
}

/** The trace's name is a tag on the wire. */
function withName({ name }: TraceRow, tags: readonly KeyValue[] = []): readonly KeyValue[] {
  return name === null ? tags : [...tags, { key: TAG.name, value: name }];
}

function record(entries: readonly KeyValue[] = []): Record<string, string> {
  return Object.fromEntries(entries.map(({ key, value }) => [key, value]));
}

function pairs(entries: readonly KeyValue[] = []): KeyValue[] {
  return entries.map(({ key, value }) => ({ key, value }));
}
