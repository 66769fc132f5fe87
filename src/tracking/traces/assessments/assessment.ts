import { invalid } from "../../wire/errors.ts";
import {
  optionalBoolean,
  optionalEnum,
  optionalMessage,
  optionalString,
  string,
  type Fields,
} from "../../wire/fields.ts";
import { atMost } from "../../wire/limits.ts";
import { METADATA } from "../names.ts";
import { timestampMs } from "../times.ts";

const SOURCES = ["SOURCE_TYPE_UNSPECIFIED", "HUMAN", "LLM_JUDGE", "CODE"] as const;
const SOURCE_RUN = "mlflow.assessment.sourceRunId";
const MAX = { name: 250, id: 50, text: 100_000, value: 1_000_000 } as const;

/** What somebody, or something, thinks of a trace or of one of its spans. */
export interface Assessment {
  assessmentId: string;
  name: string;
  type: AssessmentType;
  /** JSON. */
  value: string;
  /** JSON of an AssessmentError; of feedback only. */
  error: string | null;
  sourceType: string;
  sourceId: string | null;
  runId: string | null;
  spanId: string | null;
  rationale: string | null;
  overrides: string | null;
  /** JSON of an object of strings. */
  metadata: string | null;
  createTime: number;
  lastUpdateTime: number;
}

export type AssessmentType = "feedback" | "expectation" | "issue";

/** MLflow's Assessment message. `id` and `now` stand in for what the client leaves out. */
export function readAssessment(fields: Fields, id: string, now: number): Assessment {
  const name = string(fields, "assessment_name");
  atMost(name, MAX.name, "The assessment's name");
  const source = optionalMessage(fields, "source") ?? {};
  const metadata = readMetadata(fields);
  return {
    assessmentId: shortId(fields, "assessment_id") ?? id,
    name,
    ...readValue(fields),
    sourceType: optionalEnum(source, "source_type", SOURCES) ?? "SOURCE_TYPE_UNSPECIFIED",
    sourceId: text(source, "source_id"),
    runId: metadata?.[SOURCE_RUN] ?? null,
    spanId: shortId(fields, "span_id"),
    rationale: text(fields, "rationale"),
    overrides: shortId(fields, "overrides"),
    metadata: metadata && JSON.stringify(metadata),
    createTime: timestampMs(fields, "create_time") || now,
    lastUpdateTime: timestampMs(fields, "last_update_time") || now,
  };
}

/** The one of feedback, expectation and issue that is there. */
export function readValue(fields: Fields): Pick<Assessment, "type" | "value" | "error"> {
  const feedback = optionalMessage(fields, "feedback");
  const expectation = optionalMessage(fields, "expectation");
  const issue = optionalMessage(fields, "issue");
  if ([feedback, expectation, issue].filter((value) => value !== undefined).length !== 1) {
    throw invalid("Exactly one of `expectation`, `feedback`, or `issue` should be specified.");
  }
  if (feedback) {
    const error = optionalMessage(feedback, "error") ?? optionalMessage(fields, "error");
    return {
      type: "feedback",
      value: json(feedback["value"] ?? null),
      error: error ? json(readError(error)) : null,
    };
  }
  if (expectation) return { type: "expectation", value: expectationJson(expectation), error: null };
  return { type: "issue", value: json({ issue_name: text(issue ?? {}, "issue_name") ?? "" }), error: null };
}

function readError(fields: Fields): Record<string, string> {
  const names = ["error_code", "error_message", "stack_trace"] as const;
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = text(fields, name);
      return value === null ? [] : [[name, value]];
    }),
  );
}

/** Lists and objects travel as JSON text, because a protobuf Value would make doubles of their integers. */
function expectationJson(fields: Fields): string {
  const serialized = optionalMessage(fields, "serialized_value");
  if (!serialized) {
    const value = fields["value"];
    if (value === undefined || value === null) throw invalid("The `value` field must be specified.");
    return json(value);
  }
  const format = optionalString(serialized, "serialization_format");
  if (format !== "JSON_FORMAT") {
    throw invalid(`Unknown serialization format: ${format ?? "none"}. Only JSON_FORMAT is supported.`);
  }
  const written = string(serialized, "value");
  atMost(written, MAX.value, "The assessment's value");
  try {
    JSON.parse(written);
  } catch {
    throw invalid("The `serialized_value` of the expectation isn't valid JSON.");
  }
  return written;
}

/** An object of strings; null when it is absent or empty. */
export function readMetadata(fields: Fields): Record<string, string> | null {
  const metadata = optionalMessage(fields, "metadata");
  if (!metadata || Object.keys(metadata).length === 0) return null;
  const read = Object.fromEntries(
    Object.keys(metadata).map((key) => [key, optionalString(metadata, key) ?? ""]),
  );
  atMost(JSON.stringify(read), MAX.text, "The assessment's metadata");
  return read;
}

export function readRationale(fields: Fields): string | null {
  return text(fields, "rationale");
}

export function readValid(fields: Fields): boolean {
  return optionalBoolean(fields, "valid") ?? true;
}

export function readName(fields: Fields): string {
  const name = string(fields, "assessment_name");
  atMost(name, MAX.name, "The assessment's name");
  return name;
}

/** Columns that follow from the value: for filters (`text`, `number`) and for averages. Pure. */
export function derived({ value, metadata }: Pick<Assessment, "value" | "metadata">): {
  text: string;
  number: number | null;
  isNumber: 0 | 1;
  ofSession: 0 | 1;
} {
  const parsed = JSON.parse(value) as unknown;
  const word = typeof parsed === "string" ? parsed.trim().toLowerCase() : parsed;
  const truth = word === true || word === "yes" ? 1 : word === false || word === "no" ? 0 : null;
  const isNumber = typeof parsed === "number" && Number.isFinite(parsed);
  const entries = metadata === null ? {} : (JSON.parse(metadata) as Record<string, string>);
  return {
    // PostgreSQL keeps no NUL in a text.
    text: typeof parsed === "string" ? parsed.replaceAll("\0", "\uFFFD") : value,
    number: isNumber ? parsed : truth,
    isNumber: isNumber ? 1 : 0,
    ofSession: Object.hasOwn(entries, METADATA.session) ? 1 : 0,
  };
}

function json(value: unknown): string {
  const written = JSON.stringify(value);
  atMost(written, MAX.value, "The assessment's value");
  return written;
}

function text(fields: Fields, name: string): string | null {
  const value = optionalString(fields, name);
  if (value === undefined || value === "") return null;
  atMost(value, MAX.text, `The assessment's ${name}`);
  return value;
}

function shortId(fields: Fields, name: string): string | null {
  const value = optionalString(fields, name);
  if (value === undefined || value === "") return null;
  atMost(value, MAX.id, `The assessment's ${name}`);
  return value;
}
