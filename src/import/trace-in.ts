import { SlipwayError } from "../http/errors.ts";
import { bytesOf } from "../base/bytes.ts";
import type { TraceSpans } from "../tracking/traces/log-spans.ts";
import { groupSpans } from "../tracking/traces/group-spans.ts";
import { decodeJson } from "../tracking/traces/otlp/json.ts";
import { OtlpError } from "../tracking/traces/otlp/request.ts";
import { readTraceInfo, type TraceInfo } from "../tracking/traces/trace-info.ts";
import type { TraceIn } from "./wire.ts";

/** A trace as it is written, from what the source said. */
export interface ReadTrace {
  info: TraceInfo;
  spans: TraceSpans | null;
  invalid: string[];
}

/** Reads a trace by the rules that clients' own traces are read by. */
export function readTrace({ info, spans }: TraceIn, newId: () => string, now: number): ReadTrace {
  const read = readTraceInfo(info, newId, now);
  const assessments = Array.isArray(info["assessments"]) ? (info["assessments"] as unknown[]) : [];
  const invalid = assessments.flatMap((item) => {
    const { valid, assessment_id: id } = item as { valid?: unknown; assessment_id?: unknown };
    return valid === false && typeof id === "string" ? [id] : [];
  });
  return { info: read, spans: spans.length === 0 ? null : readSpans(read.traceId, spans), invalid };
}

/** The spans of one trace. What they say about it in words and times, the trace has said itself. */
function readSpans(traceId: string, spans: TraceIn["spans"]): TraceSpans {
  try {
    const text = JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans }] }] });
    const { traces, refused } = groupSpans(decodeJson(bytesOf(Buffer.from(text))), traceId);
    const [trace, ...others] = traces;
    if (trace === undefined || others.length > 0 || refused > 0)
      throw new OtlpError("span", refused > 0 ? "one is too large" : "they are of several traces");
    return trace;
  } catch (error) {
    if (!(error instanceof OtlpError)) throw error;
    throw new SlipwayError("TRACE_SPAN_INVALID", `a span can't be kept: ${error.message}`, {
      where: traceId,
    });
  }
}
