import { SlipwayError } from "../http/errors.ts";

const SPANS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds since the epoch from ISO 8601, or from a span back from now such as `2h`. USAGE. */
export function timeOf(where: string, given: string, now: number): number {
  const [, number, unit] = /^(\d{1,5})([mhd])$/.exec(given) ?? [];
  if (number !== undefined && unit !== undefined) return now - Number(number) * (SPANS[unit] ?? 0);
  const time = Date.parse(given);
  if (!Number.isNaN(time)) return time;
  throw new SlipwayError("USAGE", "that isn't a time", {
    where,
    given,
    allowed: "ISO 8601, or such as 2h or 7d",
  });
}
