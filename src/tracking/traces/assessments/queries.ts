import type { ReadTx } from "../../../store/database.ts";
import { groupBy } from "../../../base/group.ts";
import { missing } from "../../wire/errors.ts";
import { marks, type TraceRow } from "../rows.ts";
import { timestamp } from "../times.ts";
import type { AssessmentType } from "./assessment.ts";

export interface AssessmentRow {
  tid: number;
  assessment_id: string;
  name: string;
  type: AssessmentType;
  value: string;
  error: string | null;
  source_type: string;
  source_id: string | null;
  run_id: string | null;
  span_id: string | null;
  rationale: string | null;
  overrides: string | null;
  valid: 0 | 1;
  metadata: string | null;
  create_time: number;
  last_update_time: number;
}

const COLUMNS = `tid, assessment_id, name, type, value, error, source_type, source_id, run_id, span_id, rationale,
  overrides, valid, metadata, create_time, last_update_time`;

/** MLflow's messages of the traces' assessments, by trace, oldest first. */
export async function assessmentsOf(
  tx: ReadTx,
  traces: readonly Pick<TraceRow, "tid" | "trace_id">[],
): Promise<Map<number, object[]>> {
  const tids = traces.map((trace) => trace.tid);
  const rows = await tx.all<AssessmentRow>(
    `SELECT ${COLUMNS} FROM assessments WHERE tid IN (${marks(tids) || "NULL"})
     ORDER BY tid, create_time, assessment_id`,
    tids,
  );
  const ids = new Map(traces.map((trace) => [trace.tid, trace.trace_id]));
  const byTrace = groupBy(rows, (row) => row.tid);
  return new Map(
    [...byTrace].map(([tid, own]) => [tid, own.map((row) => assessmentMessage(row, ids.get(tid) ?? ""))]),
  );
}

export async function assessmentRow(
  tx: ReadTx,
  trace: Pick<TraceRow, "tid" | "trace_id">,
  assessmentId: string,
): Promise<AssessmentRow> {
  const row = await tx.get<AssessmentRow>(
    `SELECT ${COLUMNS} FROM assessments WHERE tid = ? AND assessment_id = ?`,
    [trace.tid, assessmentId],
  );
  if (row) return row;
  throw missing(`Assessment with ID '${assessmentId}' not found for trace '${trace.trace_id}'`);
}

/** MLflow's Assessment. */
export function assessmentMessage(row: AssessmentRow, traceId: string): object {
  const optional = {
    span_id: row.span_id,
    rationale: row.rationale,
    overrides: row.overrides,
    metadata: row.metadata === null ? null : (JSON.parse(row.metadata) as object),
  };
  return {
    assessment_id: row.assessment_id,
    assessment_name: row.name,
    trace_id: traceId,
    source: {
      source_type: row.source_type,
      ...(row.source_id === null ? {} : { source_id: row.source_id }),
    },
    create_time: timestamp(row.create_time),
    last_update_time: timestamp(row.last_update_time),
    ...valueMessage(row),
    ...Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== null)),
    valid: row.valid === 1,
  };
}

function valueMessage({ type, value, error }: AssessmentRow): object {
  const parsed = JSON.parse(value) as unknown;
  if (type === "issue") return { issue: parsed };
  if (type === "feedback") {
    return { feedback: { value: parsed, ...(error === null ? {} : { error: JSON.parse(error) as object }) } };
  }
  if (typeof parsed !== "object" || parsed === null) return { expectation: { value: parsed } };
  return { expectation: { serialized_value: { serialization_format: "JSON_FORMAT", value } } };
}
