import { invalid } from "./errors.ts";

/**
 * A message as it came: a JSON body, or query parameters (strings; a repeated one is a list). Readers follow
 * proto JSON: int64 as number or string, enums by name, doubles also as "NaN" and "Infinity"; null is absent;
 * unknown fields are ignored. What has another type is refused in MLflow's words.
 */
export type Fields = Readonly<Record<string, unknown>>;

const INT64_MAX = 2n ** 63n;

/** Bodies as they came, for as long as their messages live. */
const bodies = new WeakMap<object, Uint8Array>();

/** Remembers a body's own text, by which a message tells 9.0 from 9, and a body from a query. */
export function rememberBody(message: unknown, body: Uint8Array): void {
  if (typeof message === "object" && message !== null) bodies.set(message, body);
}

export function optionalString(fields: Fields, name: string): string | undefined {
  const value = fields[name];
  if (typeof value === "string") return wellFormed(name, value);
  if (value === undefined || value === null) return undefined;
  throw wrongType(fields, name);
}

/** Required and not empty. */
export function string(fields: Fields, name: string): string {
  const value = optionalString(fields, name);
  if (value === undefined || value === "") throw absent(name);
  return value;
}

/** Protocol buffers leave out empty strings: an absent field is "". */
export function stringOrEmpty(fields: Fields, name: string): string {
  return optionalString(fields, name) ?? "";
}

/** The tracking run's id, which travels under two names. */
export function runId(fields: Fields): string {
  const id = optionalString(fields, "run_id") || optionalString(fields, "run_uuid");
  if (!id) throw absent("run_id");
  return id;
}

export function optionalInt64(fields: Fields, name: string): number | bigint | undefined {
  const value = fields[name];
  if (value === undefined || value === null || value === "") return undefined;
  if (typeof value === "number" && Number.isSafeInteger(value)) return value === 0 ? 0 : value;
  if (typeof value === "string" && /^-?\d{1,19}$/.test(value)) {
    const big = BigInt(value);
    if (big >= -INT64_MAX && big < INT64_MAX) {
      const number = Number(big);
      return Number.isSafeInteger(number) ? number : big;
    }
  }
  throw wrongType(fields, name);
}

export function int64(fields: Fields, name: string): number | bigint {
  const value = optionalInt64(fields, name);
  if (value === undefined) throw absent(name);
  return value;
}

/** A count such as max_results, within bounds. */
export function count(fields: Fields, name: string, byDefault: number, max: number): number {
  const value = Number(optionalInt64(fields, name) ?? byDefault);
  if (value < 1) throw wrong(name, value, "It must be a positive integer");
  if (value > max) throw wrong(name, value, `It must be at most ${max}`);
  return value;
}

/** As Python's float() reads it: "nan", "inf" and "infinity" in any case, with a sign. */
const INFINITE = /^([+-])?inf(inity)?$/i;

export function double(fields: Fields, name: string): number {
  const value = fields[name];
  if (typeof value === "number") return value;
  if (value === undefined || value === null || value === "") throw absent(name);
  if (typeof value === "string") {
    const text = value.trim();
    if (/^[+-]?nan$/i.test(text)) return Number.NaN;
    const infinite = INFINITE.exec(text);
    if (infinite) return infinite[1] === "-" ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
    if (/^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i.test(text)) return Number(text);
  }
  throw wrongType(fields, name);
}

export function optionalBoolean(fields: Fields, name: string): boolean | undefined {
  const value = fields[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value === "boolean") return value;
  const text = typeof value === "string" ? value.toLowerCase() : "";
  if (text === "true" || text === "false") return text === "true";
  throw wrongType(fields, name);
}

/** By name, or by the number that protocol buffers give it: `first` is that of the first name. */
export function optionalEnum<Name extends string>(
  fields: Fields,
  name: string,
  names: readonly Name[],
  first?: number,
): Name | undefined {
  const value = fields[name];
  if (value === undefined || value === null || value === "") return undefined;
  const number = typeof value === "string" && /^\d{1,3}$/.test(value) ? Number(value) : value;
  const byNumber = first !== undefined && typeof number === "number" ? names[number - first] : undefined;
  const found = byNumber ?? names.find((candidate) => candidate === value);
  if (found === undefined) throw wrong(name, value, `It must be one of ${names.join(", ")}`);
  return found;
}

/** Absent is empty; a single query parameter is a list of one. */
export function strings(fields: Fields, name: string): string[] {
  return list(fields, name).map((item) => {
    if (typeof item === "string") return wellFormed(name, item);
    throw wrongType(fields, name);
  });
}

/** Absent is empty. */
export function messages(fields: Fields, name: string): Fields[] {
  const found = list(fields, name);
  for (const item of found) if (!isMessage(item)) throw wrongType(fields, name);
  return found as Fields[];
}

export function optionalMessage(fields: Fields, name: string): Fields | undefined {
  const value = fields[name];
  if (value === undefined || value === null) return undefined;
  if (!isMessage(value)) throw wrongType(fields, name);
  return value;
}

/** Refuses a list in which an item lacks one of its required fields, naming the item as `list[0].field`. */
export function requireInEach(items: readonly Fields[], listName: string, names: readonly string[]): void {
  for (const [index, item] of items.entries()) {
    for (const name of names) {
      const value = item[name];
      if (value === undefined || value === null || value === "")
        throw absent(`${listName}[${index}].${name}`);
    }
  }
}

/** 400: a required field isn't there. */
export function absent(name: string): Error {
  return invalid(
    `Missing value for required parameter '${name}'. See the API docs for more information about request parameters.`,
  );
}

function list(fields: Fields, name: string): unknown[] {
  const value = fields[name];
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value;
  // Only a query can't tell a list of one from its item.
  if (typeof value === "string" && !bodies.has(fields)) return [value];
  throw wrongType(fields, name);
}

function isMessage(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Half of a surrogate pair and NUL are in no text that both databases keep as it is. */
function wellFormed(name: string, value: string): string {
  if (value.includes("\0")) throw wrong(name, value, "It must not contain the character NUL");
  if (/\p{Surrogate}/u.test(value)) throw wrong(name, value, "It must be well-formed Unicode text");
  return value;
}

function wrong(name: string, value: unknown, why: string): Error {
  return invalid(`Invalid value ${shown(value)} for parameter '${name}' supplied. ${why}`);
}

function wrongType(fields: Fields, name: string): Error {
  const value = fields[name];
  const number = typeof value === "number" ? numberAsSent(fields, name) : undefined;
  return invalid(
    `Invalid value ${number ?? shown(value)} for parameter '${name}' supplied:  Hint: Value was of type ` +
      `'${typeName(value, number)}'. See the API docs for more information about request parameters.`,
  );
}

const MAX_SHOWN = 500;

function shown(value: unknown): string {
  return JSON.stringify(value)?.slice(0, MAX_SHOWN);
}

function numberAsSent(fields: Fields, name: string): string | undefined {
  const body = bodies.get(fields);
  if (!body) return undefined;
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString();
  const key = name.replace(/[^\w]/g, "");
  return new RegExp(`"${key}"\\s*:\\s*(-?\\d[\\d.eE+-]{0,40})`).exec(text)?.[1];
}

/** Python's name of a JSON value's type, as MLflow's hint has it. */
function typeName(value: unknown, number = ""): string {
  if (Array.isArray(value)) return "list";
  if (typeof value === "number") return Number.isInteger(value) && !/[.e]/i.test(number) ? "int" : "float";
  return { string: "str", boolean: "bool", object: "dict" }[typeof value as string] ?? "object";
}
