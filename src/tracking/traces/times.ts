import { invalid } from "../wire/errors.ts";
import { optionalString, type Fields } from "../wire/fields.ts";

/** The latest time of a google.protobuf.Timestamp, in milliseconds. */
const LAST = 253_402_300_799_999;

/** A google.protobuf.Timestamp (RFC 3339) as milliseconds since the epoch; undefined when it is absent. */
export function timestampMs(fields: Fields, name: string): number | undefined {
  const text = optionalString(fields, name);
  if (text === undefined || text === "") return undefined;
  const [, date, fraction, zone] =
    /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/.exec(text) ?? [];
  const seconds = Date.parse(`${date}${zone}`);
  if (Number.isNaN(seconds) || seconds < 0) {
    throw invalid(
      `Invalid value '${text.slice(0, 60)}' for parameter '${name}': it must be a time since 1970 such as 2026-01-31T12:00:00.123Z.`,
    );
  }
  return seconds + Math.floor(Number(`0${fraction ?? ""}`) * 1000 + 1e-6);
}

/** A google.protobuf.Duration (`1.5s`) as milliseconds; null when it is absent. */
export function durationMs(fields: Fields, name: string): number | null {
  const text = optionalString(fields, name);
  if (text === undefined || text === "") return null;
  const [, sign, seconds, fraction] = /^(-?)(\d{1,12})(\.\d{1,9})?s$/.exec(text) ?? [];
  if (seconds === undefined) {
    throw invalid(
      `Invalid value '${text.slice(0, 60)}' for parameter '${name}': it must be a duration such as 1.5s.`,
    );
  }
  const ms = Number(seconds) * 1000 + Math.floor(Number(`0${fraction ?? ""}`) * 1000 + 1e-6);
  return sign === "-" ? -ms : ms;
}

/** The Timestamp of a time, with as many digits as Google's own writers use. */
export function timestamp(ms: number): string {
  const iso = new Date(Math.min(ms, LAST)).toISOString();
  return iso.endsWith(".000Z") ? `${iso.slice(0, -5)}Z` : iso;
}

/** The Duration of a time in milliseconds. */
export function duration(ms: number): string {
  const absolute = Math.abs(ms);
  const rest = absolute % 1000;
  const whole = `${ms < 0 ? "-" : ""}${Math.floor(absolute / 1000)}`;
  return rest === 0 ? `${whole}s` : `${whole}.${String(rest).padStart(3, "0")}s`;
}
