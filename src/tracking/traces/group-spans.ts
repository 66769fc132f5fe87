import type { TraceSpans } from "./log-spans.ts";
import { TAG, TRACE_LIMITS } from "./names.ts";
import type { KeyAnyValue } from "./otlp/any-value.ts";
import type { OtlpSpan, ResourceSpans } from "./otlp/request.ts";
import { previewOf } from "./preview.ts";
import { readSpan, tagText } from "./span.ts";

/** Characters of one span as it is kept; a longer one is refused by itself. */
const MAX_SPAN = 16 * 1024 * 1024;
/** Tags that a trace takes from its spans. */
const MAX_TAGS = 100;

/** MLflow's id of a trace. */
export function mlflowTraceId(otelTraceId: string): string {
  return `tr-${otelTraceId}`;
}

/**
 * The spans of a request by their traces, ready to be kept; `refused` counts those that are too large. Pure.
 * With `ofTrace` all belong to the trace of that id, whatever they say.
 */
export function groupSpans(
  request: readonly ResourceSpans[],
  ofTrace?: string,
): { traces: TraceSpans[]; refused: number } {
  const traces = new Map<string, TraceSpans>();
  let refused = 0;
  for (const { resource, spans } of request) {
    const tags = resourceTags(resource);
    for (const span of spans) {
      const traceId = ofTrace ?? mlflowTraceId(span.traceId);
      const read = readSpan(span, traceId);
      if (read.row.content.length > MAX_SPAN) {
        refused++;
        continue;
      }
      let trace = traces.get(traceId);
      if (!trace) {
        trace = emptyTrace(traceId, tags);
        traces.set(traceId, trace);
      }
      add(trace, span, read);
    }
  }
  return { traces: [...traces.values()], refused };
}

function emptyTrace(traceId: string, tags: [string, string][]): TraceSpans {
  return {
    traceId,
    startMs: Number.MAX_SAFE_INTEGER,
    endMs: null,
    rootState: null,
    name: null,
    sessionId: null,
    userId: null,
    requestPreview: null,
    responsePreview: null,
    tags: [...tags],
    spans: [],
  };
}

function add(trace: TraceSpans, span: OtlpSpan, read: ReturnType<typeof readSpan>): void {
  const { row, root } = read;
  trace.spans.push(row);
  trace.startMs = Math.min(trace.startMs, Number(span.startNs / 1_000_000n));
  if (row.endNs !== null) trace.endMs = Math.max(trace.endMs ?? 0, Number(row.endNs / 1_000_000n));
  trace.sessionId ??= read.sessionId && cut(read.sessionId, TRACE_LIMITS.sessionId);
  trace.userId ??= read.userId && cut(read.userId, TRACE_LIMITS.metadataValue);
  if (!root) return;
  trace.rootState = row.status === "ERROR" ? "ERROR" : "OK";
  trace.requestPreview ??= previewOf(root.inputs, "user");
  trace.responsePreview ??= previewOf(root.outputs, "assistant");
  for (const [key, value] of root.tags.slice(0, MAX_TAGS)) {
    if (key === TAG.name) trace.name = cut(value, TRACE_LIMITS.tagValue);
    else if (isFree(key)) trace.tags.push([cut(key, TRACE_LIMITS.key), cut(value, TRACE_LIMITS.tagValue)]);
  }
}

/** Facts about the source, such as `service.name`, as tags; never under names that mean something to MLflow. */
function resourceTags(resource: readonly KeyAnyValue[]): [string, string][] {
  return resource
    .filter(({ key }) => key !== "" && !key.startsWith("telemetry.sdk.") && !key.startsWith("mlflow."))
    .slice(0, MAX_TAGS)
    .map(({ key, value }) => [cut(key, TRACE_LIMITS.key), cut(tagText(value ?? {}), TRACE_LIMITS.tagValue)]);
}

/** Tags that only the platform sets. */
function isFree(key: string): boolean {
  return (
    key !== "" && !([TAG.spansLocation, TAG.archiveLocation, TAG.artifactLocation] as string[]).includes(key)
  );
}

/** At most so many characters, none of which PostgreSQL refuses. */
function cut(text: string, max: number): string {
  return text.slice(0, max).replaceAll("\0", "\uFFFD");
}
