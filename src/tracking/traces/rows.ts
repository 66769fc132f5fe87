import type { ReadTx, SqlValue, Tx } from "../../store/database.ts";
import { invalid, missing } from "../wire/errors.ts";

export const TRACE_STATES = ["STATE_UNSPECIFIED", "OK", "ERROR", "IN_PROGRESS"] as const;
export type TraceState = (typeof TRACE_STATES)[number];

export interface TraceRow {
  /** The trace's number inside the database. */
  tid: number;
  trace_id: string;
  experiment_id: number;
  /** Milliseconds since the epoch. */
  request_time: number;
  execution_ms: number | null;
  state: TraceState;
  name: string | null;
  session_id: string | null;
  client_request_id: string | null;
  request_preview: string | null;
  response_preview: string | null;
  /** 1 when the client has told all of the trace: what its spans say fills gaps only. */
  finalized: 0 | 1;
  span_count: number;
  span_bytes: number;
}

export const TRACE_COLUMNS = `r.tid, r.trace_id, r.experiment_id, r.request_time, r.execution_ms, r.state, r.name,
  r.session_id, r.client_request_id, r.request_preview, r.response_preview, r.finalized, r.span_count, r.span_bytes`;

/** The trace of that tenant, if there is one. */
export function findTrace(tx: ReadTx, workspace: string, traceId: string): Promise<TraceRow | undefined> {
  return tx.get(`SELECT ${TRACE_COLUMNS} FROM traces r WHERE r.workspace = ? AND r.trace_id = ?`, [
    workspace,
    traceId,
  ]);
}

export async function traceRow(tx: ReadTx, workspace: string, traceId: string): Promise<TraceRow> {
  const row = await findTrace(tx, workspace, traceId);
  if (!row) throw missing(`Trace with ID '${traceId}' not found.`);
  return row;
}

/** Those of the ids that are there, in the order in which they were asked for. */
export async function traceRows(
  tx: ReadTx,
  workspace: string,
  traceIds: readonly string[],
): Promise<TraceRow[]> {
  const ids = [...new Set(traceIds)];
  if (ids.length === 0) return [];
  const rows = await tx.all<TraceRow>(
    `SELECT ${TRACE_COLUMNS} FROM traces r WHERE r.workspace = ? AND r.trace_id IN (${marks(ids)})`,
    [workspace, ...ids],
  );
  const byId = new Map(rows.map((row) => [row.trace_id, row]));
  return ids.flatMap((id) => byId.get(id) ?? []);
}

/** A trace's id as clients may name one. It becomes part of a path: nothing in it may mean a folder. */
export function checkTraceId(id: string): string {
  if (/^[A-Za-z0-9][\w.:-]{0,127}$/.test(id) && !id.includes("..")) return id;
  throw invalid(
    `Invalid trace ID '${id.slice(0, 150)}'. It must have 1 to 128 letters, digits, '-', '_', '.' or ':', starting with a letter or a digit.`,
  );
}

export interface TraceExperiment {
  experiment_id: number;
  artifact_location: string;
  lifecycle_stage: "active" | "deleted";
}

/** The tenant's experiment, deleted or not. */
export async function traceExperiment(
  tx: ReadTx,
  workspace: string,
  experimentId: number,
): Promise<TraceExperiment> {
  const row = await tx.get<TraceExperiment>(
    `SELECT experiment_id, artifact_location, lifecycle_stage FROM experiments
     WHERE workspace = ? AND experiment_id = ?`,
    [workspace, experimentId],
  );
  if (!row) throw missing(`No Experiment with id=${experimentId} exists`);
  return row;
}

/** Those of the experiments that are the tenant's. */
export async function ownExperiments(
  tx: ReadTx,
  workspace: string,
  experimentIds: readonly number[],
): Promise<number[]> {
  if (experimentIds.length === 0) return [];
  const rows = await tx.all<{ experiment_id: number }>(
    `SELECT experiment_id FROM experiments WHERE workspace = ? AND experiment_id IN (${marks(experimentIds)})`,
    [workspace, ...experimentIds],
  );
  return rows.map((row) => row.experiment_id);
}

export type Entries = readonly (readonly [key: string, value: string])[];

/** Sets tags or metadata of a trace. */
export async function putEntries(
  tx: Tx,
  table: "trace_tags" | "trace_metadata",
  tid: number,
  entries: Entries,
): Promise<void> {
  for (const [key, value] of entries) {
    await tx.run(
      `INSERT INTO ${table} (tid, key, value) VALUES (?, ?, ?)
       ON CONFLICT (tid, key) DO UPDATE SET value = excluded.value`,
      [tid, key, value],
    );
  }
}

export async function linkTrace(tx: Tx, tid: number, kind: "run" | "prompt", target: string): Promise<void> {
  await tx.run("INSERT INTO trace_links (tid, kind, target) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", [
    tid,
    kind,
    target,
  ]);
}

/** Makes the links to runs that came before the traces, which are there now. */
export async function takeEarlyLinks(tx: Tx, workspace: string, traceIds: readonly string[]): Promise<void> {
  if (traceIds.length === 0) return;
  const early = `e.workspace = ? AND e.trace_id IN (${marks(traceIds)})`;
  const { changes } = await tx.run(
    `INSERT INTO trace_links (tid, kind, target)
     SELECT r.tid, 'run', e.run_id FROM trace_links_early e
     JOIN traces r ON r.workspace = e.workspace AND r.trace_id = e.trace_id
     WHERE ${early} ON CONFLICT DO NOTHING`,
    [workspace, ...traceIds],
  );
  if (changes === 0) return;
  await tx.run(`DELETE FROM trace_links_early AS e WHERE ${early}`, [workspace, ...traceIds]);
}

/** Placeholders for a list of values. */
export function marks(values: readonly SqlValue[]): string {
  return values.map(() => "?").join(", ");
}
