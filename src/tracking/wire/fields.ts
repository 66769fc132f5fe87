import { invalid } from "./errors.ts";

/**
 * A message as it came: a JSON body, or query parameters (strings; a repeated one is a list). Readers follow
 * proto JSON: int64 as number or string, enums by name, doubles also as "NaN" and "Infinity"; null is absent;
 * unknown fields are ignored.
 */
export type Fields = Readonly<Record<string, unknown>>;

const INT64_MAX = 2n ** 63n;

export function optionalString(fields: Fields, name: string): string | undefined {
  const value = fields[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value === "string") return value;
  // Old clients and people send numeric ids as numbers.
  if (typeof value === "number" && Number.isSafeInteger(value)) return String(value);
  throw wrong(name, value, "a string");
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
  if (typeof value === "number" && Number.isSafeInteger(value)) return value;
  if (typeof value === "string" && /^-?\d{1,19}$/.test(value)) {
    const big = BigInt(value);
    if (big >= -INT64_MAX && big < INT64_MAX) {
      const number = Number(big);
      return Number.isSafeInteger(number) ? number : big;
    }
  }
  throw wrong(name, value, "a 64-bit integer (beyond 2^53 as a string)");
}

export function int64(fields: Fields, name: string): number | bigint {
  const value = optionalInt64(fields, name);
  if (value === undefined) throw absent(name);
  return value;
}

/** A count such as max_results, within bounds. */
export function count(fields: Fields, name: string, byDefault: number, max: number): number {
  const value = Number(optionalInt64(fields, name) ?? byDefault);
  if (value < 1 || value > max) throw wrong(name, value, `an integer from 1 to ${max}`);
  return value;
}

export function double(fields: Fields, name: string): number {
  const value = fields[name];
  if (typeof value === "number") return value;
  if (value === undefined || value === null) throw absent(name);
  if (typeof value === "string") {
    const text = value.trim();
    if (text === "NaN") return Number.NaN;
    const number = text === "" ? Number.NaN : Number(text);
    if (!Number.isNaN(number)) return number;
  }
  throw wrong(name, value, "a number");
}

export function optionalBoolean(fields: Fields, name: string): boolean | undefined {
  const value = fields[name];
  if (value === undefined || value === null) return undefined;
  if (value === true || value === "true" || value === "True") return true;
  if (value === false || value === "false" || value === "False") return false;
  throw wrong(name, value, "true or false");
}

export function optionalEnum<Name extends string>(
  fields: Fields,
  name: string,
  names: readonly Name[],
): Name | undefined {
  const value = optionalString(fields, name);
  if (value === undefined || value === "") return undefined;
  const found = names.find((candidate) => candidate === value);
  if (found === undefined) throw wrong(name, value, `one of ${names.join(", ")}`);
  return found;
}

/** Absent is empty; a single query parameter is a list of one. */
export function strings(fields: Fields, name: string): string[] {
  const value = fields[name];
  if (value === undefined || value === null) return [];
  const list: unknown[] = Array.isArray(value) ? value : [value];
  return list.map((item) => {
    if (typeof item === "string") return item;
    if (typeof item === "number") return String(item);
    throw wrong(name, item, "a list of strings");
  });
}

export function messages(fields: Fields, name: string): Fields[] {
  const value = fields[name];
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw wrong(name, value, "a list");
  for (const item of value) if (!isMessage(item)) throw wrong(name, item, "a list of objects");
  return value as Fields[];
}

export function optionalMessage(fields: Fields, name: string): Fields | undefined {
  const value = fields[name];
  if (value === undefined || value === null) return undefined;
  if (!isMessage(value)) throw wrong(name, value, "an object");
  return value;
}

function isMessage(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function absent(name: string): Error {
  return invalid(`Missing value for required parameter '${name}'.`);
}

function wrong(name: string, value: unknown, allowed: string): Error {
  const shown = JSON.stringify(value)?.slice(0, 100);
  return invalid(`Invalid value ${shown} for parameter '${name}' supplied: it must be ${allowed}.`);
}
