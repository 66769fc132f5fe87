import { defineCommand, type SqlValue, type Tx } from "../../store/database.ts";
import { invalid } from "../wire/errors.ts";
import { tokenColumns } from "./analytics.ts";
import { putAssessment } from "./assessments/commands.ts";
import { artifactLocation, setColumns } from "./log-spans.ts";
import { oldTraceInfos, traceInfos } from "./messages.ts";
import { METADATA } from "./names.ts";
import { putEntries, takeEarlyLinks, traceExperiment, traceRow, type TraceExperiment } from "./rows.ts";
import type { TraceInfo } from "./trace-info.ts";

/**
 * A whole trace, told by its client. It may come before its spans or after them, and more than once: what it says
 * replaces what the spans said. MLflow's message of it.
 */
export const startTrace = defineCommand(
  "traces.start",
  async (
    tx,
    {
      workspace,
      info,
      isOfAnyStage = false,
    }: {
      workspace: string;
      info: TraceInfo;
      /** True: of a deleted experiment too. */
      isOfAnyStage?: boolean;
    },
  ): Promise<object> => {
    const experiment = isOfAnyStage
      ? await traceExperiment(tx, workspace, info.experimentId)
      : await activeExperiment(tx, workspace, info.experimentId);
    await insertTrace(tx, workspace, info);
    const { tid } = await traceRow(tx, workspace, info.traceId);
    const columns = new Map<string, SqlValue>([
      ["experiment_id", info.experimentId],
      ["request_time", info.requestTime],
      ["execution_ms", info.executionMs],
      ["state", info.state],
      ["client_request_id", info.clientRequestId],
      ["finalized", 1],
      ...analytics(info.metadata),
    ]);
    for (const [column, value] of [
      ["name", info.name],
      ["session_id", info.sessionId],
      ["request_preview", info.requestPreview],
      ["response_preview", info.responsePreview],
    ] as const) {
      if (value !== null) columns.set(column, value);
    }
    await setColumns(tx, tid, columns);
    await putEntries(tx, "trace_tags", tid, [...info.tags, artifactLocation(experiment, info.traceId)]);
    await putEntries(tx, "trace_metadata", tid, [...info.metadata, [METADATA.finalized, "true"]]);
    for (const assessment of info.assessments) await putAssessment(tx, tid, assessment);
    const [message] = await traceInfos(tx, [await traceRow(tx, workspace, info.traceId)]);
    return message ?? {};
  },
);

type OldTrace = Pick<
  TraceInfo,
  "traceId" | "experimentId" | "requestTime" | "name" | "sessionId" | "metadata" | "tags"
>;

/** The beginning of a trace in MLflow's old way: the platform names it. */
export const startOldTrace = defineCommand(
  "traces.start-old",
  async (tx, { workspace, trace }: { workspace: string; trace: OldTrace }): Promise<object> => {
    const experiment = await activeExperiment(tx, workspace, trace.experimentId);
    await insertTrace(tx, workspace, trace);
    const { tid } = await traceRow(tx, workspace, trace.traceId);
    await setColumns(
      tx,
      tid,
      new Map<string, SqlValue>([
        ["name", trace.name],
        ["session_id", trace.sessionId],
        ...analytics(trace.metadata),
      ]),
    );
    await putEntries(tx, "trace_tags", tid, [...trace.tags, artifactLocation(experiment, trace.traceId)]);
    await putEntries(tx, "trace_metadata", tid, trace.metadata);
    return oldMessage(tx, workspace, trace.traceId);
  },
);

type EndArgs = Pick<TraceInfo, "traceId" | "state" | "name" | "sessionId" | "metadata" | "tags"> & {
  workspace: string;
  /** Milliseconds since the epoch. */
  endTime: number;
};

/** The end of a trace in MLflow's old way. */
export const endOldTrace = defineCommand("traces.end-old", async (tx, args: EndArgs): Promise<object> => {
  const row = await traceRow(tx, args.workspace, args.traceId);
  const columns = new Map<string, SqlValue>([
    ["execution_ms", args.endTime - row.request_time],
    ["state", args.state],
    ...analytics(args.metadata),
  ]);
  if (args.name !== null) columns.set("name", args.name);
  if (args.sessionId !== null) columns.set("session_id", args.sessionId);
  await setColumns(tx, row.tid, columns);
  await putEntries(tx, "trace_tags", row.tid, args.tags);
  await putEntries(tx, "trace_metadata", row.tid, args.metadata);
  return oldMessage(tx, args.workspace, args.traceId);
});

async function insertTrace(
  tx: Tx,
  workspace: string,
  { traceId, experimentId, requestTime }: Pick<TraceInfo, "traceId" | "experimentId" | "requestTime">,
): Promise<void> {
  await tx.run(
    `INSERT INTO traces (workspace, trace_id, experiment_id, request_time, state, finalized, span_count, span_bytes)
     VALUES (?, ?, ?, ?, 'IN_PROGRESS', 0, 0, 0) ON CONFLICT DO NOTHING`,
    [workspace, traceId, experimentId, requestTime],
  );
  await takeEarlyLinks(tx, workspace, [traceId]);
}

async function oldMessage(tx: Tx, workspace: string, traceId: string): Promise<object> {
  const [message] = await oldTraceInfos(tx, [await traceRow(tx, workspace, traceId)]);
  return message ?? {};
}

function analytics(metadata: readonly [string, string][]): Map<string, SqlValue> {
  return tokenColumns(metadata.find(([key]) => key === METADATA.tokenUsage)?.[1]);
}

async function activeExperiment(tx: Tx, workspace: string, experimentId: number): Promise<TraceExperiment> {
  const experiment = await traceExperiment(tx, workspace, experimentId);
  if (experiment.lifecycle_stage === "active") return experiment;
  throw invalid(
    `The experiment ${experimentId} must be in the 'active' state. Current state is ${experiment.lifecycle_stage}.`,
  );
}
