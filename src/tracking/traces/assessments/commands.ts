import { defineCommand, type Tx } from "../../../store/database.ts";
import { invalid, missing } from "../../wire/errors.ts";
import { traceRow } from "../rows.ts";
import { derived, type Assessment } from "./assessment.ts";
import { assessmentMessage, assessmentRow } from "./queries.ts";

/** Keeps an assessment; one of the same id is replaced, so that a trace may be told again. */
export async function putAssessment(tx: Tx, tid: number, assessment: Assessment): Promise<void> {
  const { text, number, isNumber, ofSession } = derived(assessment);
  await tx.run(
    `INSERT INTO assessments (tid, assessment_id, name, type, value, text, number, is_number, error, source_type,
       source_id, run_id, span_id, rationale, overrides, valid, metadata, of_session, create_time, last_update_time)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?, ?, ?)
     ON CONFLICT (tid, assessment_id) DO UPDATE SET name = excluded.name, type = excluded.type,
       value = excluded.value, text = excluded.text, number = excluded.number, is_number = excluded.is_number,
       error = excluded.error, source_type = excluded.source_type, source_id = excluded.source_id,
       run_id = excluded.run_id, span_id = excluded.span_id, rationale = excluded.rationale,
       overrides = excluded.overrides, metadata = excluded.metadata, of_session = excluded.of_session,
       last_update_time = excluded.last_update_time`,
    [
      tid,
      assessment.assessmentId,
      assessment.name,
      assessment.type,
      assessment.value,
      text,
      number,
      isNumber,
      assessment.error,
      assessment.sourceType,
      assessment.sourceId,
      assessment.runId,
      assessment.spanId,
      assessment.rationale,
      assessment.overrides,
      assessment.metadata,
      ofSession,
      assessment.createTime,
      assessment.lastUpdateTime,
    ],
  );
}

/** Assessments of one trace. */
const MAX_ASSESSMENTS = 1000;

/** A new assessment, which makes the one that it overrides invalid; MLflow's message of it. */
export const createAssessment = defineCommand(
  "traces.create-assessment",
  async (
    tx,
    { workspace, traceId, assessment }: { workspace: string; traceId: string; assessment: Assessment },
  ): Promise<object> => {
    const trace = await traceRow(tx, workspace, traceId);
    const count = await tx.get<{ n: number }>("SELECT COUNT(*) AS n FROM assessments WHERE tid = ?", [
      trace.tid,
    ]);
    if (Number(count?.n ?? 0) >= MAX_ASSESSMENTS) {
      throw invalid(`Trace '${traceId}' has ${MAX_ASSESSMENTS} assessments, the most that a trace can have.`);
    }
    const { overrides } = assessment;
    if (overrides !== null) {
      const { changes } = await setValid(tx, trace.tid, overrides, 0);
      if (changes === 0) {
        throw missing(`Assessment with ID '${overrides}' not found for trace '${traceId}'`);
      }
    }
    await putAssessment(tx, trace.tid, assessment);
    return assessmentMessage(await assessmentRow(tx, trace, assessment.assessmentId), traceId);
  },
);

/** What an update changes; absent fields stay as they are. */
export interface AssessmentChange {
  name?: string;
  value?: Pick<Assessment, "type" | "value" | "error">;
  rationale?: string | null;
  /** Merged into what is there. */
  metadata?: Record<string, string>;
  valid?: boolean;
}

/** Changes an assessment; source and span stay. MLflow's message of it. */
export const updateAssessment = defineCommand(
  "traces.update-assessment",
  async (
    tx,
    args: { workspace: string; traceId: string; assessmentId: string; change: AssessmentChange; now: number },
  ): Promise<object> => {
    const { change, traceId, assessmentId } = args;
    const trace = await traceRow(tx, args.workspace, traceId);
    const row = await assessmentRow(tx, trace, assessmentId);
    if (change.value && change.value.type !== row.type) {
      throw invalid(`Cannot update ${change.value.type} value on an assessment that is ${row.type}.`);
    }
    const before = row.metadata === null ? {} : (JSON.parse(row.metadata) as Record<string, string>);
    const metadata = { ...before, ...change.metadata };
    const value = change.value?.value ?? row.value;
    const merged = Object.keys(metadata).length === 0 ? null : JSON.stringify(metadata);
    const { text, number, isNumber, ofSession } = derived({ value, metadata: merged });
    await tx.run(
      `UPDATE assessments SET name = ?, value = ?, text = ?, number = ?, is_number = ?, error = ?, rationale = ?,
         metadata = ?, of_session = ?, valid = ?, last_update_time = ? WHERE tid = ? AND assessment_id = ?`,
      [
        change.name ?? row.name,
        value,
        text,
        number,
        isNumber,
        change.value ? change.value.error : row.error,
        change.rationale === undefined ? row.rationale : change.rationale,
        merged,
        ofSession,
        change.valid === undefined ? row.valid : Number(change.valid),
        args.now,
        trace.tid,
        assessmentId,
      ],
    );
    return assessmentMessage(await assessmentRow(tx, trace, assessmentId), traceId);
  },
);

/** Removes an assessment, and gives the one that it had overridden its validity back. None there is no error. */
export const deleteAssessment = defineCommand(
  "traces.delete-assessment",
  async (
    tx,
    { workspace, traceId, assessmentId }: { workspace: string; traceId: string; assessmentId: string },
  ): Promise<void> => {
    const { tid } = await traceRow(tx, workspace, traceId);
    const row = await tx.get<{ overrides: string | null }>(
      "SELECT overrides FROM assessments WHERE tid = ? AND assessment_id = ?",
      [tid, assessmentId],
    );
    if (!row) return;
    if (row.overrides !== null) await setValid(tx, tid, row.overrides, 1);
    await tx.run("DELETE FROM assessments WHERE tid = ? AND assessment_id = ?", [tid, assessmentId]);
  },
);

function setValid(tx: Tx, tid: number, assessmentId: string, valid: 0 | 1): Promise<{ changes: number }> {
  return tx.run("UPDATE assessments SET valid = ? WHERE tid = ? AND assessment_id = ?", [
    valid,
    tid,
    assessmentId,
  ]);
}
