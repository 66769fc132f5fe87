import { experimentNumber } from "../experiments/queries.ts";
import { invalid } from "../wire/errors.ts";
import {
  int64,
  messages,
  optionalEnum,
  optionalMessage,
  optionalString,
  string,
  stringOrEmpty,
  type Fields,
} from "../wire/fields.ts";
import { atMost } from "../wire/limits.ts";
import { readAssessment, type Assessment } from "./assessments/assessment.ts";
import { bounded, checkSession, METADATA, TAG, TRACE_LIMITS } from "./names.ts";
import { checkTraceId, TRACE_STATES, type TraceState } from "./rows.ts";
import { durationMs, timestampMs } from "./times.ts";

/** What a client says about a whole trace. */
export interface TraceInfo {
  traceId: string;
  experimentId: number;
  /** Milliseconds since the epoch. */
  requestTime: number;
  executionMs: number | null;
  state: TraceState;
  clientRequestId: string | null;
  requestPreview: string | null;
  responsePreview: string | null;
  sessionId: string | null;
  /** Null: not said. */
  name: string | null;
  metadata: [string, string][];
  tags: [string, string][];
  assessments: Assessment[];
}

/** Assessments that may come with a trace. */
const MAX_ASSESSMENTS = 1000;

/** MLflow's TraceInfo (v3), as StartTraceV3 sends it. */
export function readTraceInfo(fields: Fields, newId: () => string, now: number): TraceInfo {
  const location = optionalMessage(fields, "trace_location") ?? {};
  const experiment = optionalMessage(location, "mlflow_experiment");
  if (!experiment) {
    throw invalid(
      "Missing value for required parameter 'trace_location': traces are kept in MLflow experiments.",
    );
  }
  const assessments = messages(fields, "assessments");
  if (assessments.length > MAX_ASSESSMENTS) {
    throw invalid(`A trace has at most ${MAX_ASSESSMENTS} assessments, not ${assessments.length}.`);
  }
  const metadata = record(fields, "trace_metadata");
  const tags = record(fields, "tags");
  return {
    traceId: checkTraceId(string(fields, "trace_id")),
    experimentId: experimentNumber(string(experiment, "experiment_id")),
    requestTime: timestampMs(fields, "request_time") ?? 0,
    executionMs: durationMs(fields, "execution_duration"),
    state: optionalEnum(fields, "state", TRACE_STATES) ?? "STATE_UNSPECIFIED",
    clientRequestId: short(fields, "client_request_id"),
    requestPreview: preview(fields, "request_preview"),
    responsePreview: preview(fields, "response_preview"),
    ...entries(metadata, tags),
    assessments: assessments.map((item) => readAssessment(item, newId(), now)),
  };
}

/** The fields that StartTrace (v2) and EndTrace (v2) share: lists of keys and values, a time in milliseconds. */
export function readOldEntries(fields: Fields): Pick<TraceInfo, "sessionId" | "name" | "metadata" | "tags"> {
  const read = (name: string): [string, string][] =>
    messages(fields, name).map((item) => [string(item, "key"), stringOrEmpty(item, "value")]);
  return entries(read("request_metadata"), read("tags"));
}

export function readTime(fields: Fields): number {
  const time = Number(int64(fields, "timestamp_ms"));
  if (time >= 0 && time <= 253_402_300_799_999) return time;
  throw invalid(`Invalid value ${time} for parameter 'timestamp_ms' supplied: it must be a time since 1970.`);
}

function entries(
  metadata: [string, string][],
  tags: [string, string][],
): Pick<TraceInfo, "sessionId" | "name" | "metadata" | "tags"> {
  const name = tags.find(([key]) => key === TAG.name)?.[1];
  const session = metadata.find(([key]) => key === METADATA.session)?.[1];
  return {
    sessionId: checkSession(session),
    name: name === undefined ? null : name.slice(0, TRACE_LIMITS.tagValue),
    metadata: bounded(metadata, "metadata"),
    tags: bounded(
      tags.filter(([key]) => key !== TAG.name && key !== TAG.artifactLocation),
      "tags",
    ),
  };
}

function record(fields: Fields, name: string): [string, string][] {
  const map = optionalMessage(fields, name) ?? {};
  return Object.keys(map).map((key) => [key, optionalString(map, key) ?? ""]);
}

function short(fields: Fields, name: string): string | null {
  const value = optionalString(fields, name);
  if (value === undefined) return null;
  atMost(value, TRACE_LIMITS.key, `The trace's ${name}`);
  return value;
}

function preview(fields: Fields, name: string): string | null {
  return optionalString(fields, name)?.slice(0, TRACE_LIMITS.preview) ?? null;
}
