import { jsonText, type AnyValue, type KeyAnyValue } from "./otlp/any-value.ts";

/** A span's kept content, as far as it is read here. */
interface SpanContent {
  trace_id: string;
  span_id: string;
  parent_span_id?: string;
  name: string;
  start_time_unix_nano: string;
  end_time_unix_nano?: string;
  attributes: KeyAnyValue[];
  events: { time_unix_nano: string; name: string; attributes: KeyAnyValue[] }[];
  links: { trace_id: string; span_id: string; attributes: KeyAnyValue[] }[];
  status: { code: string; message?: string };
}

/**
 * JSON text of a span in the form of MLflow's `Span.to_dict`: what `traces.json` holds, and what its filters call the
 * span's content. Each attribute is the JSON of its value as a string; times are JSON numbers in nanoseconds. Written
 * as Python does, since filters look for pieces of the text.
 */
export function spanDict(content: string): string {
  const span = JSON.parse(content) as SpanContent;
  const { code, message = "" } = span.status;
  return object([
    ["trace_id", text(span.trace_id)],
    ["span_id", text(span.span_id)],
    ["parent_span_id", span.parent_span_id === undefined ? "null" : text(span.parent_span_id)],
    ["name", text(span.name)],
    ["start_time_unix_nano", span.start_time_unix_nano],
    ["end_time_unix_nano", span.end_time_unix_nano ?? "null"],
    ["events", list(span.events.map(eventDict))],
    [
      "status",
      object([
        ["code", text(code)],
        ["message", text(message)],
      ]),
    ],
    ["attributes", attributes(span.attributes, (value) => text(jsonText(value)))],
    ["links", list(span.links.map(linkDict))],
  ]);
}

function eventDict(event: SpanContent["events"][number]): string {
  return object([
    ["name", text(event.name)],
    ["time_unix_nano", event.time_unix_nano],
    ["attributes", attributes(event.attributes, jsonText)],
  ]);
}

function linkDict(link: SpanContent["links"][number]): string {
  return object([
    ["trace_id", text(`tr-${Buffer.from(link.trace_id, "base64").toString("hex")}`)],
    ["span_id", text(Buffer.from(link.span_id, "base64").toString("hex"))],
    ["attributes", attributes(link.attributes, jsonText)],
  ]);
}

function attributes(entries: readonly KeyAnyValue[], write: (value: AnyValue) => string): string {
  return object(entries.map(({ key, value }) => [key, write(value ?? {})]));
}

function object(members: readonly (readonly [key: string, json: string])[]): string {
  return `{${members.map(([key, json]) => `${text(key)}: ${json}`).join(", ")}}`;
}

function list(items: readonly string[]): string {
  return `[${items.join(", ")}]`;
}

function text(value: string): string {
  return JSON.stringify(value);
}
