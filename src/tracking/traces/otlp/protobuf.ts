import { doubleValue, MAX_DEPTH, type AnyValue, type KeyAnyValue } from "./any-value.ts";
import {
  idOf,
  OtlpError,
  timeOf,
  type OtlpEvent,
  type OtlpLink,
  type OtlpSpan,
  type ResourceSpans,
} from "./request.ts";
import { doubleOf, readFields, stringOf, WireError, type WireValue } from "./wire-reader.ts";

type Bytes = Uint8Array;
type Visitors = Partial<Record<number, (bytes: Bytes) => void>>;

/**
 * An ExportTraceServiceRequest. Field numbers: opentelemetry-proto 1.x (collector/trace/v1, trace/v1, common/v1);
 * what isn't known, or has another wire type, is passed over as protocol buffers ask.
 */
export function decodeProtobuf(body: Bytes): ResourceSpans[] {
  try {
    const found: ResourceSpans[] = [];
    messages(body, { 1: (bytes) => found.push(resourceSpans(bytes)) });
    return found;
  } catch (error) {
    if (error instanceof WireError) throw new OtlpError("malformed", error.message);
    throw error;
  }
}

function resourceSpans(body: Bytes): ResourceSpans {
  const found: ResourceSpans = { resource: [], spans: [] };
  messages(body, {
    1: (bytes) => (found.resource = attributesOf(bytes, 1)),
    2: (bytes) => messages(bytes, { 2: (inner) => found.spans.push(span(inner)) }),
  });
  return found;
}

function span(body: Bytes): OtlpSpan {
  let [traceId, spanId, parentId, name] = ["", "", "", ""];
  let [startNs, endNs] = [0n, 0n];
  let status: OtlpSpan["status"] = { code: 0, message: "" };
  const attributes: KeyAnyValue[] = [];
  const events: OtlpEvent[] = [];
  const links: OtlpLink[] = [];
  readFields(body, (field, value) => {
    if (value.type === "fixed64") {
      if (field === 7) startNs = value.value;
      else if (field === 8) endNs = value.value;
    } else if (value.type === "bytes") {
      if (field === 1) traceId = hex(value.value);
      else if (field === 2) spanId = hex(value.value);
      else if (field === 4) parentId = hex(value.value);
      else if (field === 5) name = stringOf(value.value);
      else if (field === 9) attributes.push(keyValue(value.value, 0));
      else if (field === 11) events.push(event(value.value));
      else if (field === 13) links.push(link(value.value));
      else if (field === 15) status = statusOf(value.value);
    }
  });
  return {
    traceId: idOf(traceId, 16, "trace_id"),
    spanId: idOf(spanId, 8, "span_id"),
    parentId: parentId === "" || /^0+$/.test(parentId) ? null : idOf(parentId, 8, "parent_span_id"),
    name,
    startNs: timeOf(startNs, "start_time_unix_nano"),
    endNs: timeOf(endNs, "end_time_unix_nano"),
    attributes,
    events,
    links,
    status,
  };
}

function event(body: Bytes): OtlpEvent {
  const found: OtlpEvent = { timeNs: 0n, name: "", attributes: [] };
  readFields(body, (field, value) => {
    if (field === 1 && value.type === "fixed64") found.timeNs = value.value;
    else if (value.type !== "bytes") return;
    else if (field === 2) found.name = stringOf(value.value);
    else if (field === 3) found.attributes.push(keyValue(value.value, 0));
  });
  return found;
}

function link(body: Bytes): OtlpLink {
  const found: OtlpLink = { traceId: "", spanId: "", attributes: [] };
  messages(body, {
    1: (bytes) => (found.traceId = hex(bytes)),
    2: (bytes) => (found.spanId = hex(bytes)),
    4: (bytes) => found.attributes.push(keyValue(bytes, 0)),
  });
  return found;
}

function statusOf(body: Bytes): OtlpSpan["status"] {
  const found: OtlpSpan["status"] = { code: 0, message: "" };
  readFields(body, (field, value) => {
    if (field === 2 && value.type === "bytes") found.message = stringOf(value.value);
    else if (field === 3 && value.type === "varint") {
      found.code = value.value === 1n ? 1 : value.value === 2n ? 2 : 0;
    }
  });
  return found;
}

function attributesOf(body: Bytes, field: number): KeyAnyValue[] {
  const found: KeyAnyValue[] = [];
  messages(body, { [field]: (bytes) => found.push(keyValue(bytes, 0)) });
  return found;
}

function keyValue(body: Bytes, depth: number): KeyAnyValue {
  const found: KeyAnyValue = { key: "" };
  messages(body, {
    1: (bytes) => (found.key = stringOf(bytes)),
    2: (bytes) => (found.value = anyValueOf(bytes, depth + 1)),
  });
  return found;
}

function anyValueOf(body: Bytes, depth: number): AnyValue {
  if (depth > MAX_DEPTH) throw new OtlpError("malformed", `values lie more than ${MAX_DEPTH} deep`);
  let found: AnyValue = {};
  readFields(body, (field, value) => {
    found = memberOf(field, value, depth) ?? found;
  });
  return found;
}

/** The member of AnyValue that a field is; undefined for fields that aren't known. */
function memberOf(field: number, value: WireValue, depth: number): AnyValue | undefined {
  if (value.type === "varint") {
    if (field === 2) return { bool_value: value.value !== 0n };
    return field === 3 ? { int_value: String(BigInt.asIntN(64, value.value)) } : undefined;
  }
  if (value.type === "fixed64") return field === 4 ? doubleValue(doubleOf(value.value)) : undefined;
  if (value.type !== "bytes") return undefined;
  if (field === 1) return { string_value: stringOf(value.value) };
  if (field === 7) return { bytes_value: Buffer.from(value.value).toString("base64") };
  if (field === 5) {
    const values: AnyValue[] = [];
    messages(value.value, { 1: (bytes) => values.push(anyValueOf(bytes, depth + 1)) });
    return { array_value: { values } };
  }
  if (field === 6) {
    const values: KeyAnyValue[] = [];
    messages(value.value, { 1: (bytes) => values.push(keyValue(bytes, depth)) });
    return { kvlist_value: { values } };
  }
  return undefined;
}

function messages(body: Bytes, visitors: Visitors): void {
  readFields(body, (field, value) => {
    if (value.type === "bytes") visitors[field]?.(value.value);
  });
}

function hex(bytes: Bytes): string {
  // Whoever asks for the id refuses long ones; nothing long is worth writing out.
  return Buffer.from(bytes.subarray(0, 64)).toString("hex");
}
