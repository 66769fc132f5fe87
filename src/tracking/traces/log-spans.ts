import { defineCommand, type SqlValue, type Tx } from "../../store/database.ts";
import { joinUri } from "../artifacts/uri.ts";
import { missing } from "../wire/errors.ts";
import { CACHE_KEYS, COST_KEYS, pythonJson, TOKEN_KEYS, tokenColumns } from "./analytics.ts";
import { METADATA, TAG } from "./names.ts";
import {
  findTrace,
  linkTrace,
  marks,
  putEntries,
  takeEarlyLinks,
  traceExperiment,
  type Entries,
  type TraceExperiment,
  type TraceRow,
} from "./rows.ts";
import type { SpanRow } from "./span.ts";
import { sumOverTree } from "./usage.ts";

/** What one trace may hold; its spans are answered in one piece. */
export const TRACE_CAPACITY = { spans: 50_000, bytes: 64 * 1024 * 1024 } as const;

/** Spans of one trace that came together, and what they say about it. */
export interface TraceSpans {
  traceId: string;
  /** Milliseconds since the epoch. */
  startMs: number;
  endMs: number | null;
  /** Null: the root isn't among them. */
  rootState: "OK" | "ERROR" | null;
  name: string | null;
  sessionId: string | null;
  userId: string | null;
  requestPreview: string | null;
  responsePreview: string | null;
  tags: [string, string][];
  spans: SpanRow[];
}

/** Databases bound the placeholders of a statement. */
const IDS_AT_ONCE = 500;

interface LogArgs {
  workspace: string;
  experimentId: number;
  /** The tracking run that finished traces are linked to. */
  runId: string | null;
  traces: TraceSpans[];
}

/**
 * Keeps spans. A span that came before is replaced, so a request may be sent again; a trace that isn't known yet is
 * made from its spans. Answers how many spans were refused because their trace is full.
 */
export const logSpans = defineCommand("traces.log-spans", async (tx, args: LogArgs): Promise<number> => {
  const experiment = await traceExperiment(tx, args.workspace, args.experimentId);
  if (args.runId !== null) await requireRun(tx, args.workspace, args.runId);
  let refused = 0;
  const begun: string[] = [];
  for (const trace of args.traces) {
    const kept = await logTrace(tx, args.workspace, experiment, trace);
    if (kept?.span_count === 0) begun.push(trace.traceId);
    if (!kept) refused += trace.spans.length;
    else if (args.runId !== null && trace.rootState !== null)
      await linkTrace(tx, kept.tid, "run", args.runId);
  }
  for (let from = 0; from < begun.length; from += IDS_AT_ONCE)
    await takeEarlyLinks(tx, args.workspace, begun.slice(from, from + IDS_AT_ONCE));
  return refused;
});

/** Undefined: the trace is full. */
async function logTrace(
  tx: Tx,
  workspace: string,
  experiment: TraceExperiment,
  trace: TraceSpans,
): Promise<TraceRow | undefined> {
  const known = await findTrace(tx, workspace, trace.traceId);
  const added = await sizeOf(tx, known, trace.spans);
  const count = (known?.span_count ?? 0) + added.spans;
  const bytes = (known?.span_bytes ?? 0) + added.bytes;
  if (count > TRACE_CAPACITY.spans || bytes > TRACE_CAPACITY.bytes) return undefined;
  const row = known ?? (await createTrace(tx, workspace, experiment, trace));
  for (const span of trace.spans) await putSpan(tx, row.tid, span);
  await updateTrace(tx, row, trace, { count, bytes });
  await putEntries(tx, "trace_tags", row.tid, [[TAG.spansLocation, "TRACKING_STORE"], ...trace.tags]);
  if (trace.userId) {
    await tx.run("INSERT INTO trace_metadata (tid, key, value) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", [
      row.tid,
      METADATA.user,
      trace.userId,
    ]);
  }
  if (trace.sessionId && row.session_id === null) {
    await putEntries(tx, "trace_metadata", row.tid, [[METADATA.session, trace.sessionId]]);
  }
  return row;
}

/** What the spans add to the trace; one that came before only by how much longer it is now. */
async function sizeOf(
  tx: Tx,
  known: TraceRow | undefined,
  spans: readonly SpanRow[],
): Promise<{ spans: number; bytes: number }> {
  const ids = new Map(spans.map((span) => [span.spanId, span.content.length]));
  const before = known
    ? await tx.all<{ bytes: number }>(
        `SELECT bytes FROM spans WHERE tid = ? AND span_id IN (${marks([...ids.keys()])})`,
        [known.tid, ...ids.keys()],
      )
    : [];
  const sum = (values: Iterable<number>): number => [...values].reduce((a, b) => a + b, 0);
  return { spans: ids.size - before.length, bytes: sum(ids.values()) - sum(before.map((row) => row.bytes)) };
}

async function createTrace(
  tx: Tx,
  workspace: string,
  experiment: TraceExperiment,
  trace: TraceSpans,
): Promise<TraceRow> {
  await tx.run(
    `INSERT INTO traces (workspace, trace_id, experiment_id, request_time, state, finalized, span_count, span_bytes)
     VALUES (?, ?, ?, ?, 'IN_PROGRESS', 0, 0, 0) ON CONFLICT DO NOTHING`,
    [workspace, trace.traceId, experiment.experiment_id, trace.startMs],
  );
  const row = await findTrace(tx, workspace, trace.traceId);
  if (!row) throw missing(`Trace with ID '${trace.traceId}' not found.`);
  await putEntries(tx, "trace_tags", row.tid, [artifactLocation(experiment, trace.traceId)]);
  return row;
}

/** Where clients put the trace's files. */
export function artifactLocation(experiment: TraceExperiment, traceId: string): Entries[number] {
  return [TAG.artifactLocation, joinUri(experiment.artifact_location, "traces", traceId, "artifacts")];
}

async function putSpan(tx: Tx, tid: number, span: SpanRow): Promise<void> {
  await tx.run(
    `INSERT INTO spans (tid, span_id, parent_id, name, type, status, start_ns, end_ns, model_name, model_provider,
       usage_json, input_cost, output_cost, total_cost, bytes, content)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (tid, span_id) DO UPDATE SET parent_id = excluded.parent_id, name = excluded.name,
       type = excluded.type, status = excluded.status, start_ns = excluded.start_ns, end_ns = excluded.end_ns,
       model_name = excluded.model_name, model_provider = excluded.model_provider, usage_json = excluded.usage_json,
       input_cost = excluded.input_cost, output_cost = excluded.output_cost, total_cost = excluded.total_cost,
       bytes = excluded.bytes, content = excluded.content`,
    [
      tid,
      span.spanId,
      span.parentId,
      span.name,
      span.type,
      span.status,
      span.startNs,
      span.endNs,
      span.modelName,
      span.modelProvider,
      span.usage,
      span.inputCost,
      span.outputCost,
      span.totalCost,
      span.content.length,
      span.content,
    ],
  );
}

/** What the spans say about their trace; a trace that the client has told whole keeps its times and its state. */
async function updateTrace(
  tx: Tx,
  row: TraceRow,
  trace: TraceSpans,
  size: { count: number; bytes: number },
): Promise<void> {
  const columns = new Map<string, SqlValue>([
    ["span_count", size.count],
    ["span_bytes", size.bytes],
  ]);
  if (row.finalized === 0) {
    const start = Math.min(row.request_time, trace.startMs);
    const ends = [row.execution_ms === null ? null : row.request_time + row.execution_ms, trace.endMs];
    const end = Math.max(...ends.filter((time) => time !== null));
    columns.set("request_time", start);
    if (Number.isFinite(end)) columns.set("execution_ms", Math.max(0, end - start));
  }
  const isOpen = row.state === "IN_PROGRESS" || row.state === "STATE_UNSPECIFIED";
  if (isOpen && trace.rootState) columns.set("state", trace.rootState);
  if (trace.name !== null) columns.set("name", trace.name);
  if (row.session_id === null && trace.sessionId) columns.set("session_id", trace.sessionId);
  if (row.request_preview === null) columns.set("request_preview", trace.requestPreview);
  if (row.response_preview === null) columns.set("response_preview", trace.responsePreview);
  for (const [column, value] of await sums(tx, row, trace.spans)) columns.set(column, value);
  await setColumns(tx, row.tid, columns);
}

/** Sums over all spans of the trace, unless the client has given its own. */
async function sums(
  tx: Tx,
  { tid, finalized }: TraceRow,
  spans: readonly SpanRow[],
): Promise<Map<string, SqlValue>> {
  const given = await tx.all<{ key: string }>(
    "SELECT key FROM trace_metadata WHERE tid = ? AND key IN (?, ?)",
    [tid, METADATA.tokenUsage, METADATA.cost],
  );
  const isGiven = (key: string): boolean => finalized === 1 && given.some((row) => row.key === key);
  const withUsage = spans.some((span) => span.usage !== null) && !isGiven(METADATA.tokenUsage);
  const withCost = spans.some((span) => span.totalCost !== null) && !isGiven(METADATA.cost);
  if (!withUsage && !withCost) return new Map();
  const nodes = await tx.all<Node>(
    "SELECT span_id, parent_id, usage_json, input_cost, output_cost, total_cost FROM spans WHERE tid = ?",
    [tid],
  );
  const sum = (
    counts: (node: Node) => Record<string, number> | null,
    keys: typeof TOKEN_KEYS | typeof COST_KEYS,
  ) =>
    sumOverTree(
      nodes.map((node) => ({ spanId: node.span_id, parentId: node.parent_id, counts: counts(node) })),
      keys,
      keys === TOKEN_KEYS ? CACHE_KEYS : [],
    );
  const usage = withUsage ? sum(usageOf, TOKEN_KEYS) : null;
  const cost = withCost ? sum(costOf, COST_KEYS) : null;
  if (usage)
    await putEntries(tx, "trace_metadata", tid, [[METADATA.tokenUsage, pythonJson(usage, "counts")]]);
  if (cost) await putEntries(tx, "trace_metadata", tid, [[METADATA.cost, pythonJson(cost, "costs")]]);
  return usage ? tokenColumns(JSON.stringify(usage)) : new Map();
}

interface Node {
  span_id: string;
  parent_id: string | null;
  usage_json: string | null;
  input_cost: number | null;
  output_cost: number | null;
  total_cost: number | null;
}

function usageOf({ usage_json: json }: Node): Record<string, number> | null {
  return json === null ? null : (JSON.parse(json) as Record<string, number>);
}

function costOf(node: Node): Record<string, number> | null {
  const costs = COST_KEYS.flatMap((key) => (node[key] === null ? [] : [[key, node[key]] as const]));
  return costs.length === 0 ? null : Object.fromEntries(costs);
}

export async function setColumns(tx: Tx, tid: number, columns: ReadonlyMap<string, SqlValue>): Promise<void> {
  const assignments = [...columns.keys()].map((column) => `${column} = ?`).join(", ");
  await tx.run(`UPDATE traces SET ${assignments} WHERE tid = ?`, [...columns.values(), tid]);
}

/** A tracking run of the tenant. */
export async function requireRun(tx: Tx, workspace: string, runId: string): Promise<void> {
  const run = await tx.get("SELECT 1 FROM runs WHERE run_id = ? AND workspace = ?", [runId, workspace]);
  if (!run) throw missing(`Run with id=${runId} not found`);
}
