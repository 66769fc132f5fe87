import { FRAME_KIND, decodeInvocation } from "../../serving/frames.ts";
import type { LoggedPrediction } from "../../serving/logged-prediction.ts";
import { tableOfCsv, tableOfRecords, tableOfSplit } from "../../serving/protocol/table.ts";
import { tensorToJson } from "../../serving/protocol/tensor.ts";
import { addTensors, tensorsOf } from "./tensor-columns.ts";
import type { NamedTensor } from "./tensor-columns.ts";
import { addNothing, addRows, ColumnCollector, isObject } from "./value-columns.ts";
import type { ValueColumns } from "./value-columns.ts";

/** The values of one request: as columns where they are a table, else as text. */
export interface Tabulated {
  rows: number;
  columns: ValueColumns;
  /** Texts of a side that has no columns: JSON, or as it came; null where there are columns, or nothing. */
  inputs: string | null;
  outputs: string | null;
  /** Why the values are missing; null: they are there. */
  omitted: "off" | "too-large" | "unreadable" | null;
  error: string | null;
}

const MAX_ERROR = 500;

/**
 * Reads a logged request by the protocol that it came in. Inputs are columns when every input has one row per instance,
 * outputs when they have as many rows as the inputs; a failed request is kept as text.
 */
export function tabulate(record: LoggedPrediction): Tabulated {
  const none = { rows: 1, columns: new Map(), inputs: null, outputs: null };
  const error = record.error ?? (record.status >= 400 ? errorOf(record.answer) : null);
  if (record.omitted !== undefined) return { ...none, omitted: record.omitted, error };
  try {
    const asked = askedOf(record);
    if (record.status >= 400)
      return { ...none, inputs: asked.text(), omitted: null, error: error?.slice(0, MAX_ERROR) ?? null };
    const answered = answeredOf(record);
    const table = asked.table;
    if (table === undefined)
      return { ...none, inputs: asked.text(), outputs: answered.text(), omitted: null, error };
    const isTable = answered.table?.rows === table.rows;
    return {
      rows: table.rows,
      columns: new Map([...table.columns, ...(isTable ? (answered.table?.columns ?? []) : [])]),
      inputs: null,
      outputs: isTable ? null : answered.text(),
      omitted: null,
      error,
    };
  } catch {
    return { ...none, omitted: "unreadable", error };
  }
}

/** One side of a request. */
interface Side {
  table: { rows: number; columns: ValueColumns } | undefined;
  text(): string;
}

function askedOf({ kind, request, status }: LoggedPrediction): Side {
  const collector = new ColumnCollector("input");
  if (kind === FRAME_KIND.v2Binary || (kind === FRAME_KIND.v2 && status < 400)) {
    const tensors = tensorsOf(request, kind === FRAME_KIND.v2Binary, "inputs");
    addTensors(collector, tensors);
    return { table: collector.result(), text: () => jsonOf(tensors) };
  }
  const { mediaType, bytes } =
    kind === FRAME_KIND.invocations
      ? (decodeInvocation(request) ?? { mediaType: "", bytes: request })
      : { mediaType: "", bytes: request };
  const text = () => bytes.toString("utf8");
  // What failed may be anything; it is kept as it came.
  if (status >= 400) return { table: undefined, text };
  if (mediaType.trim().toLowerCase().startsWith("text/csv")) addTable(collector, tableOfCsv(text()), true);
  else addInstances(collector, JSON.parse(text()));
  return { table: collector.result(), text };
}

/** V1's `instances`, and the forms of MLflow's scoring protocol. */
function addInstances(collector: ColumnCollector, body: unknown): void {
  if (!isObject(body)) return addNothing(collector);
  if (Object.hasOwn(body, "dataframe_split"))
    return addTable(collector, tableOfSplit(body["dataframe_split"]), false);
  if (Object.hasOwn(body, "dataframe_records"))
    return addTable(collector, tableOfRecords(body["dataframe_records"]), false);
  return addValues(collector, body["instances"] ?? body["inputs"]);
}

/** Rows, or whole columns by name. */
function addValues(collector: ColumnCollector, values: unknown): void {
  if (Array.isArray(values)) return addRows(collector, values as unknown[]);
  if (!isObject(values)) return addNothing(collector);
  for (const [name, column] of Object.entries(values))
    if (Array.isArray(column)) collector.add(name, column as unknown[]);
    else addNothing(collector);
  return undefined;
}

function addTable(
  collector: ColumnCollector,
  { columns, rows }: { columns: readonly string[]; rows: readonly (readonly unknown[])[] },
  isText: boolean,
): void {
  for (const [place, name] of columns.entries()) {
    const values = rows.map((row) => row[place]);
    collector.add(name, isText ? fromText(values as string[]) : values);
  }
}

/** A column of a CSV: numbers where each that is given is one. */
function fromText(values: readonly string[]): readonly unknown[] {
  const given = values.map((value) => (value === "" ? null : value));
  const isNumber = (value: string | null) => value === null || Number.isFinite(Number(value));
  return given.every(isNumber) ? given.map((value) => (value === null ? null : Number(value))) : given;
}

function answeredOf({ kind, answer, isBinary }: LoggedPrediction): Side {
  const collector = new ColumnCollector("output");
  if (kind === FRAME_KIND.v2Binary || kind === FRAME_KIND.v2) {
    const tensors = tensorsOf(answer, isBinary === true, "outputs");
    addTensors(collector, tensors);
    return { table: collector.result(), text: () => jsonOf(tensors) };
  }
  const text = () => answer.toString("utf8");
  const body: unknown = JSON.parse(text());
  addValues(collector, isObject(body) ? body["predictions"] : undefined);
  return { table: collector.result(), text };
}

function jsonOf(tensors: readonly NamedTensor[]): string {
  return `{${tensors.map(({ name, tensor }) => `${JSON.stringify(name)}:${tensorToJson(tensor)}`).join(",")}}`;
}

/** What Open Inference's error says, or MLflow's. */
function errorOf(answer: Buffer): string | null {
  try {
    const body: unknown = JSON.parse(answer.toString("utf8"));
    const said = isObject(body) ? (body["error"] ?? body["message"]) : undefined;
    return typeof said === "string" ? said.slice(0, MAX_ERROR) : null;
  } catch {
    return null;
  }
}
