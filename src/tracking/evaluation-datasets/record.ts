import { createHash } from "node:crypto";
import { isDeeperThan, MAX_JSON_DEPTH } from "../../http/json-depth.ts";
import { invalid } from "../wire/errors.ts";
import { atMost } from "../wire/limits.ts";

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

/** One record of an evaluation dataset as a client sends it. */
export interface NewRecord {
  /** SHA-256 (hex) of the inputs, whatever the order of their keys: which record is meant. */
  digest: string;
  inputs: JsonObject;
  /** Undefined: not given, an existing record keeps its own. */
  outputs: Json | undefined;
  expectations: JsonObject | null;
  tags: JsonObject | null;
  source: RecordSource | null;
}

export interface RecordSource {
  source_type: string;
  source_data: JsonObject;
}

/** Of one call; a client that has more sends them in turns. */
const MAX_RECORDS = 10_000;
const SOURCE_TYPES = ["UNSPECIFIED", "TRACE", "HUMAN", "DOCUMENT", "CODE"];
const MAX_TAG_KEY = 255;
const MAX_TAG_VALUE = 5000;

/** The `records` field: the JSON text of a list. Pure. */
export function parseRecords(text: string): NewRecord[] {
  const list = parseJson(text, "records");
  if (!Array.isArray(list))
    throw invalid("Invalid value for parameter 'records' supplied: it must be a list.");
  if (list.length > MAX_RECORDS)
    throw invalid(`At most ${MAX_RECORDS} records in one call; got ${list.length}.`);
  return list.map((item, index) => parseRecord(item, `records[${index}]`));
}

/** The `tags` field: the JSON text of an object; as in MLflow null leaves a tag as it is. Pure. */
export function parseTags(text: string): [key: string, value: string][] {
  return Object.entries(object(parseJson(text, "tags"), "tags") ?? {}).flatMap(([key, value]) => {
    if (value === null) return [];
    const written = typeof value === "string" ? value : asPython(value);
    atMost(key, MAX_TAG_KEY, "The tag's key");
    atMost(written, MAX_TAG_VALUE, `The value of the tag '${key}'`);
    return [[key, written]];
  });
}

function parseRecord(item: Json, where: string): NewRecord {
  const record = object(item, where);
  if (!record) throw invalid(`Invalid value for parameter '${where}' supplied: it must be an object.`);
  const inputs = object(record["inputs"] ?? null, `${where}.inputs`);
  if (!inputs) throw invalid(`Each record must have an 'inputs' field: ${where} has none.`);
  return {
    digest: createHash("sha256")
      .update(JSON.stringify(sorted(inputs)))
      .digest("hex"),
    inputs,
    outputs: record["outputs"],
    expectations: object(record["expectations"] ?? null, `${where}.expectations`),
    tags: object(record["tags"] ?? null, `${where}.tags`),
    source: source(record["source"] ?? null, `${where}.source`),
  };
}

function source(value: Json, where: string): RecordSource | null {
  const given = object(value, where);
  if (!given || Object.keys(given).length === 0) return null;
  const type = String(given["source_type"] ?? "").toUpperCase();
  if (!SOURCE_TYPES.includes(type)) {
    throw invalid(
      `Invalid dataset record source type: ${type} (${where}). Valid source types: ${SOURCE_TYPES.join(", ")}`,
    );
  }
  return {
    source_type: type,
    source_data: object(given["source_data"] ?? null, `${where}.source_data`) ?? {},
  };
}

/** Null stays null. */
function object(value: Json, where: string): JsonObject | null {
  if (value === null || (typeof value === "object" && !Array.isArray(value))) return value;
  throw invalid(`Invalid value for parameter '${where}' supplied: it must be an object.`);
}

function parseJson(text: string, where: string): Json {
  let value: Json;
  try {
    value = JSON.parse(text) as Json;
  } catch {
    throw invalid(`Invalid value for parameter '${where}' supplied: it must be JSON.`);
  }
  if (isDeeperThan(value, MAX_JSON_DEPTH))
    throw invalid(`The parameter '${where}' is nested more than ${MAX_JSON_DEPTH} deep.`);
  return value;
}

function sorted(value: Json): Json {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const keys = Object.keys(value).toSorted();
  // A list of pairs keeps the order also of keys that look like numbers.
  return keys.map((key) => [key, sorted(value[key] ?? null)]);
}

/** What is no string, as MLflow's server writes it: by Python's str(). */
function asPython(value: Json): string {
  if (typeof value === "boolean") return value ? "True" : "False";
  return JSON.stringify(value);
}
