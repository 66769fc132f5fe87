import type { Comparison } from "../../search/filter.ts";
import { name, place } from "../../search/sql.ts";
import { invalid } from "../../wire/errors.ts";
import { METADATA, TAG } from "../names.ts";

/** What a key of a filter or of an order means, whatever way it is written. */
export type TraceKey =
  | { kind: "column"; column: string; isNumber: boolean; isNullable: boolean }
  | { kind: "name" }
  | { kind: "run" }
  | { kind: "prompt" }
  | { kind: "entry"; table: "trace_tags" | "trace_metadata"; key: string }
  | { kind: "span"; column: "name" | "type" | "status" | "content" }
  | { kind: "span-attribute"; key: string }
  | { kind: "assessment"; type: "feedback" | "expectation"; name: string }
  | { kind: "issue" };

const time = (column: string, isNullable = false): TraceKey => ({
  kind: "column",
  column,
  isNumber: true,
  isNullable,
});
const text = (column: string, isNullable = false): TraceKey => ({
  kind: "column",
  column,
  isNumber: false,
  isNullable,
});
const END_TIME = "r.request_time + COALESCE(r.execution_ms, 0)";

/** Attributes by MLflow's names for them, old and new. */
const ATTRIBUTES: Readonly<Record<string, TraceKey>> = {
  request_id: text("r.trace_id"),
  trace_id: text("r.trace_id"),
  timestamp: time("r.request_time"),
  timestamp_ms: time("r.request_time"),
  request_time: time("r.request_time"),
  execution_time: time("r.execution_ms", true),
  execution_time_ms: time("r.execution_ms", true),
  execution_duration: time("r.execution_ms", true),
  end_time: time(END_TIME),
  end_time_ms: time(END_TIME),
  status: text("r.state"),
  state: text("r.state"),
  client_request_id: text("r.client_request_id", true),
  experiment_id: { kind: "column", column: "r.experiment_id", isNumber: true, isNullable: false },
  name: { kind: "name" },
  run_id: { kind: "run" },
  prompt: { kind: "prompt" },
  text: { kind: "span", column: "content" },
};

const SPAN_COLUMNS = ["name", "type", "status", "content"] as const;

/** INVALID_PARAMETER_VALUE for what isn't a key of traces. `at` is known for comparisons of a filter. */
export function traceKey(given: Pick<Comparison, "entity" | "key"> & { at?: number }): TraceKey {
  const { entity, key } = given;
  switch (entity.toLowerCase()) {
    case "attribute":
    case "attributes":
    case "trace":
      return attribute(given);
    case "tag":
    case "tags":
      return key === TAG.name ? { kind: "name" } : { kind: "entry", table: "trace_tags", key };
    case "metadata":
    case "request_metadata":
      return key === METADATA.sourceRun ? { kind: "run" } : { kind: "entry", table: "trace_metadata", key };
    case "span":
      return spanKey(given);
    case "feedback":
      return { kind: "assessment", type: "feedback", name: key };
    case "expectation":
      return { kind: "assessment", type: "expectation", name: key };
    case "issue":
      if (key === "id") return { kind: "issue" };
      throw invalid(`Invalid issue attribute '${key}'. Supported attributes: id.`);
    default:
      throw invalid(
        `Invalid entity type '${entity}'. Valid values are attribute, trace, tag, metadata, request_metadata, span, feedback, expectation, issue${where(given)}`,
      );
  }
}

function attribute(given: Parameters<typeof traceKey>[0]): TraceKey {
  const found = Object.hasOwn(ATTRIBUTES, given.key) ? ATTRIBUTES[given.key] : undefined;
  if (found) return found;
  throw invalid(
    `Invalid attribute key '${given.key}' specified. Valid keys are ${Object.keys(ATTRIBUTES).join(", ")}${where(given)}`,
  );
}

function spanKey(given: Parameters<typeof traceKey>[0]): TraceKey {
  const [, key] = /^attributes\.(.+)$/s.exec(given.key) ?? [];
  if (key) return { kind: "span-attribute", key: key.replace(/^`(.*)`$/s, "$1") };
  const column = SPAN_COLUMNS.find((candidate) => candidate === given.key);
  if (column) return { kind: "span", column };
  throw invalid(
    `Invalid span attribute '${given.key}'. Supported attributes: ${SPAN_COLUMNS.join(", ")}, attributes.<attribute_name>${where(given)}`,
  );
}

function where(given: { entity: string; key: string; at?: number }): string {
  return given.at === undefined ? ` in '${name(given)}'.` : ` ${place(given as Comparison)}`;
}
