import { createHash } from "node:crypto";
import type { Json, JsonObject, NewRecord } from "./record.ts";

type Fields = Record<string, string>;

/** Names and types of what a dataset's records have; MLflow's client reads it as JSON. */
export interface DatasetSchema {
  inputs: Fields;
  /** A single type when outputs are no objects. */
  outputs: Fields | string;
  expectations: Fields;
  version: string;
}

/** The schema with what the records bring anew; what is known keeps its first type. Pure. */
export function extendSchema(known: string | null, records: readonly NewRecord[]): string | null {
  if (known === null && records.length === 0) return null;
  const schema: DatasetSchema =
    known === null
      ? { inputs: {}, outputs: {}, expectations: {}, version: "1.0" }
      : (JSON.parse(known) as DatasetSchema);
  for (const { inputs, outputs, expectations } of records) {
    extend(schema.inputs, inputs);
    extend(schema.expectations, expectations ?? {});
    if (outputs === undefined || outputs === null) continue;
    if (typeof outputs === "object" && !Array.isArray(outputs)) {
      if (typeof schema.outputs === "object") extend(schema.outputs, outputs);
    } else if (typeof schema.outputs === "object" && Object.keys(schema.outputs).length === 0) {
      schema.outputs = typeOf(outputs);
    }
  }
  return JSON.stringify(schema);
}

/** Changes with every change of the dataset. */
export function datasetDigest(name: string, lastUpdateTime: number): string {
  return createHash("sha256").update(`${name}:${lastUpdateTime}`).digest("hex").slice(0, 8);
}

function extend(fields: Fields, values: JsonObject): void {
  for (const [key, value] of Object.entries(values)) {
    if (!Object.hasOwn(fields, key)) fields[key] = typeOf(value);
  }
}

function typeOf(value: Json): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  if (typeof value === "number") return Number.isInteger(value) ? "integer" : "float";
  return typeof value;
}
