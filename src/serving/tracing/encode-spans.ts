import { WireWriter } from "../grpc/wire/writer.ts";
import type { AttributeValue, Span } from "./span.ts";

/** opentelemetry-proto 1.x: trace.proto, common.proto, resource.proto, trace_service.proto. */
const KIND = { internal: 1, server: 2 } as const;
const STATUS_ERROR = 2;
/** Flags of a span whose caller is another program: SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK and …IS_REMOTE_MASK. */
const LOCAL_PARENT = 0x100;
const REMOTE_PARENT = 0x300;
const SAMPLED = 0x01;

/** The body of an ExportTraceServiceRequest. @param resource its attributes */
export function encodeSpans(
  spans: readonly Span[],
  resource: Readonly<Record<string, string>>,
  scope: { name: string; version: string },
): Buffer {
  const writer = new WireWriter();
  writer.message(1, (resourceSpans) => {
    resourceSpans.message(1, (inner) => attributes(inner, 1, resource));
    resourceSpans.message(2, (scopeSpans) => {
      scopeSpans.message(1, (inner) => {
        inner.string(1, scope.name);
        inner.string(2, scope.version);
      });
      for (const span of spans) scopeSpans.message(2, (inner) => encodeSpan(inner, span));
    });
  });
  return writer.finish();
}

function encodeSpan(writer: WireWriter, span: Span): void {
  writer.bytes(1, Buffer.from(span.traceId, "hex"));
  writer.bytes(2, Buffer.from(span.spanId, "hex"));
  if (span.traceState !== "") writer.string(3, span.traceState);
  if (span.parentId !== "") writer.bytes(4, Buffer.from(span.parentId, "hex"));
  writer.string(5, span.name);
  writer.integer(6, KIND[span.kind]);
  writer.fixed64(7, nanoseconds(span.startMs));
  writer.fixed64(8, nanoseconds(Math.max(span.startMs, span.endMs)));
  attributes(writer, 9, span.attributes);
  const { error } = span;
  if (error !== undefined)
    writer.message(15, (status) => {
      if (error !== "") status.string(2, error);
      status.integer(3, STATUS_ERROR);
    });
  const isRemote = span.kind === "server" && span.parentId !== "";
  writer.fixed32(16, SAMPLED | (isRemote ? REMOTE_PARENT : LOCAL_PARENT));
}

function attributes(
  writer: WireWriter,
  field: number,
  values: Readonly<Record<string, AttributeValue>>,
): void {
  for (const [key, value] of Object.entries(values))
    writer.message(field, (pair) => {
      pair.string(1, key);
      pair.message(2, (any) => anyValue(any, value));
    });
}

function anyValue(writer: WireWriter, value: AttributeValue): void {
  if (typeof value === "string") writer.string(1, value);
  else if (typeof value === "boolean") writer.bool(2, value);
  else if (Number.isInteger(value)) writer.integer(3, value);
  else writer.double(4, value);
}

/** A double holds microseconds of today exactly, and no more. */
function nanoseconds(ms: number): bigint {
  return BigInt(Math.round(ms * 1_000)) * 1_000n;
}
