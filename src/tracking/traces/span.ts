import { jsonText, plain, type AnyValue } from "./otlp/any-value.ts";
import { attributeMap, type OtlpSpan } from "./otlp/request.ts";
import { translate } from "./semantics.ts";

/** A span as it is kept: what searches and sums need in columns, and the whole of it as `content`. */
export interface SpanRow {
  spanId: string;
  parentId: string | null;
  name: string;
  type: string | null;
  status: "UNSET" | "OK" | "ERROR";
  startNs: bigint;
  endNs: bigint | null;
  modelName: string | null;
  modelProvider: string | null;
  /** JSON of `mlflow.chat.tokenUsage`. */
  usage: string | null;
  inputCost: number | null;
  outputCost: number | null;
  totalCost: number | null;
  /** JSON of the span in the form in which MLflow answers it. */
  content: string;
}

/** What a root span says about its trace. */
export interface RootFacts {
  inputs: string | null;
  outputs: string | null;
  /** From `mlflow.traceTag.…`. */
  tags: [string, string][];
}

export interface ReadSpan {
  row: SpanRow;
  sessionId: string | null;
  userId: string | null;
  /** Null for a span with a parent. */
  root: RootFacts | null;
}

const STATUS = ["UNSET", "OK", "ERROR"] as const;
const TAG_PREFIX = "mlflow.traceTag.";
/** Characters of a model's name that are kept for sums. */
const MAX_MODEL = 500;

/** The span's columns and content. `traceId` is MLflow's: whatever the client said about it is overwritten. */
export function readSpan(span: OtlpSpan, traceId: string): ReadSpan {
  const attributes = attributeMap(span.attributes);
  translate(attributes);
  attributes.set("mlflow.traceRequestId", { string_value: traceId });
  const cost = numbersOf(attributes.get("mlflow.llm.cost"));
  const usage = numbersOf(attributes.get("mlflow.chat.tokenUsage"));
  return {
    row: {
      spanId: span.spanId,
      parentId: span.parentId,
      name: clean(span.name),
      type: textOf(attributes.get("mlflow.spanType")),
      status: STATUS[span.status.code],
      startNs: span.startNs,
      endNs: span.endNs === 0n ? null : span.endNs,
      modelName: textOf(attributes.get("mlflow.llm.model"))?.slice(0, MAX_MODEL) ?? null,
      modelProvider: textOf(attributes.get("mlflow.llm.provider"))?.slice(0, MAX_MODEL) ?? null,
      usage: usage && JSON.stringify(usage),
      inputCost: cost?.["input_cost"] ?? null,
      outputCost: cost?.["output_cost"] ?? null,
      totalCost: cost?.["total_cost"] ?? null,
      content: content(span, attributes),
    },
    sessionId: textOf(attributes.get("session.id")) || textOf(attributes.get("gen_ai.conversation.id")),
    userId: textOf(attributes.get("user.id")),
    root: span.parentId === null ? rootFacts(attributes) : null,
  };
}

/** The proto JSON of opentelemetry.proto.trace.v1.Span, with 64-bit integers as strings and ids in base 64. */
function content(span: OtlpSpan, attributes: ReadonlyMap<string, AnyValue>): string {
  const { status } = span;
  return JSON.stringify({
    trace_id: base64(span.traceId),
    span_id: base64(span.spanId),
    ...(span.parentId === null ? {} : { parent_span_id: base64(span.parentId) }),
    name: span.name,
    start_time_unix_nano: String(span.startNs),
    ...(span.endNs === 0n ? {} : { end_time_unix_nano: String(span.endNs) }),
    attributes: [...attributes].map(([key, value]) => ({ key, value })),
    events: span.events.map((event) => ({
      time_unix_nano: String(event.timeNs),
      name: event.name,
      attributes: event.attributes,
    })),
    links: span.links.map((link) => ({
      trace_id: base64(link.traceId),
      span_id: base64(link.spanId),
      attributes: link.attributes,
    })),
    status: {
      ...(status.message === "" ? {} : { message: status.message }),
      code: ["STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR"][status.code],
    },
  });
}

function rootFacts(attributes: ReadonlyMap<string, AnyValue>): RootFacts {
  const asText = (key: string): string | null => {
    const value = attributes.get(key);
    return value ? jsonText(value) : null;
  };
  const tags = [...attributes]
    .filter(([key]) => key.startsWith(TAG_PREFIX))
    .map(([key, value]): [string, string] => [key.slice(TAG_PREFIX.length), tagText(value)]);
  return { inputs: asText("mlflow.spanInputs"), outputs: asText("mlflow.spanOutputs"), tags };
}

/** An attribute as the text of a tag: strings as they are, everything else as JSON. */
export function tagText(value: AnyValue): string {
  return value.string_value ?? jsonText(value);
}

function textOf(value: AnyValue | undefined): string | null {
  const text = value?.string_value;
  return text === undefined ? null : clean(text);
}

/** The finite numbers of an object that came as such or as JSON text. */
function numbersOf(value: AnyValue | undefined): Record<string, number> | null {
  let found = plain(value);
  if (typeof found === "string") {
    try {
      found = JSON.parse(found) as unknown;
    } catch {
      return null;
    }
  }
  if (typeof found !== "object" || found === null || Array.isArray(found)) return null;
  const numbers = Object.entries(found).filter((entry): entry is [string, number] =>
    Number.isFinite(entry[1]),
  );
  return Object.fromEntries(numbers);
}

/** PostgreSQL keeps no NUL in a text; in JSON it stands as an escape. */
function clean(text: string): string {
  return text.replaceAll("\0", "\uFFFD");
}

function base64(hex: string): string {
  return Buffer.from(hex, "hex").toString("base64");
}
