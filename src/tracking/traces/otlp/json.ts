import { isDeeperThan } from "../../../http/json-depth.ts";
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

type Message = Readonly<Record<string, unknown>>;

/** Objects and lists of an AnyValue's JSON per level of the value, and those around the outermost one. */
const LEVELS_PER_VALUE = 4;
const LEVELS_AROUND = 12;

/**
 * An ExportTraceServiceRequest in OTLP's JSON: lowerCamelCase names (snake_case is taken too), ids in hexadecimal,
 * 64-bit integers as strings or numbers (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding).
 */
export function decodeJson(body: Uint8Array): ResourceSpans[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch {
    throw new OtlpError("malformed", "the body isn't JSON");
  }
  if (isDeeperThan(parsed, MAX_DEPTH * LEVELS_PER_VALUE + LEVELS_AROUND)) {
    throw new OtlpError("malformed", `values lie more than ${MAX_DEPTH} deep`);
  }
  return list(object(parsed, "the body"), "resourceSpans").map((item) => ({
    resource: attributes(optional(item, "resource") ?? {}),
    spans: list(item, "scopeSpans").flatMap((scope) => list(scope, "spans").map(span)),
  }));
}

function span(item: Message): OtlpSpan {
  const parent = text(item, "parentSpanId");
  const status = optional(item, "status") ?? {};
  return {
    traceId: idOf(hexadecimal(item, "traceId"), 16, "traceId"),
    spanId: idOf(hexadecimal(item, "spanId"), 8, "spanId"),
    parentId: /^0*$/.test(parent) ? null : idOf(hexadecimal(item, "parentSpanId"), 8, "parentSpanId"),
    name: text(item, "name"),
    startNs: timeOf(integer(item, "startTimeUnixNano"), "startTimeUnixNano"),
    endNs: timeOf(integer(item, "endTimeUnixNano"), "endTimeUnixNano"),
    attributes: attributes(item),
    events: list(item, "events").map(event),
    links: list(item, "links").map(link),
    status: { code: statusCode(member(status, "code")), message: text(status, "message") },
  };
}

function event(item: Message): OtlpEvent {
  return { timeNs: integer(item, "timeUnixNano"), name: text(item, "name"), attributes: attributes(item) };
}

function link(item: Message): OtlpLink {
  return { traceId: text(item, "traceId"), spanId: text(item, "spanId"), attributes: attributes(item) };
}

function statusCode(code: unknown): 0 | 1 | 2 {
  if (code === 1 || code === "STATUS_CODE_OK") return 1;
  return code === 2 || code === "STATUS_CODE_ERROR" ? 2 : 0;
}

function attributes(item: Message): KeyAnyValue[] {
  return list(item, "attributes").map(keyValue);
}

function keyValue(item: Message): KeyAnyValue {
  const value = optional(item, "value");
  const key = text(item, "key");
  return value ? { key, value: anyValueOf(value) } : { key };
}

function anyValueOf(item: Message): AnyValue {
  const string = member(item, "stringValue");
  if (string !== undefined) return { string_value: text(item, "stringValue") };
  const bool = member(item, "boolValue");
  if (bool !== undefined) return { bool_value: bool === true || bool === "true" };
  if (member(item, "intValue") !== undefined) return { int_value: String(integer(item, "intValue")) };
  const double = member(item, "doubleValue");
  if (double !== undefined) return doubleValue(Number(double));
  const array = optional(item, "arrayValue");
  if (array) return { array_value: { values: list(array, "values").map(anyValueOf) } };
  const entries = optional(item, "kvlistValue");
  if (entries) return { kvlist_value: { values: list(entries, "values").map(keyValue) } };
  return member(item, "bytesValue") === undefined ? {} : { bytes_value: text(item, "bytesValue") };
}

/** A member under its JSON name or under the one of its definition; null is absent. */
function member(item: Message, name: string): unknown {
  const value = item[name] ?? item[name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)];
  return value === null ? undefined : value;
}

function text(item: Message, name: string): string {
  const value = member(item, name);
  if (value === undefined) return "";
  if (typeof value === "string") return value;
  throw new OtlpError("malformed", `${name} must be a string`);
}

function hexadecimal(item: Message, name: string): string {
  const value = text(item, name);
  if (/^[0-9a-fA-F]*$/.test(value)) return value;
  throw new OtlpError("malformed", `${name} must be hexadecimal`);
}

function integer(item: Message, name: string): bigint {
  const value = member(item, name);
  if (value === undefined || value === "") return 0n;
  if (typeof value === "number" && Number.isInteger(value)) return BigInt.asIntN(64, BigInt(value));
  if (typeof value === "string" && /^-?\d{1,20}$/.test(value)) return BigInt.asIntN(64, BigInt(value));
  throw new OtlpError("malformed", `${name} must be an integer`);
}

function optional(item: Message, name: string): Message | undefined {
  const value = member(item, name);
  return value === undefined ? undefined : object(value, name);
}

function list(item: Message, name: string): Message[] {
  const value = member(item, name);
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw new OtlpError("malformed", `${name} must be a list`);
  return value.map((each) => object(each, name));
}

function object(value: unknown, what: string): Message {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Message;
  throw new OtlpError("malformed", `${what} must be an object`);
}
