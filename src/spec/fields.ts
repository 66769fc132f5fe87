import { z } from "zod";
import { LABEL, LABEL_WORDS } from "./names.ts";
import {
  DURATION_PATTERN,
  PERCENT_PATTERN,
  POINTS_PATTERN,
  SIZE_PATTERN,
  formatDuration,
  formatSize,
  parseDuration,
  parsePercent,
  parsePoints,
  parseSize,
} from "./units.ts";

/** What our checks attach to a zod issue: the stable name of the rule, and what would have been right. */
export interface IssueParams {
  rule: string;
  allowed?: string;
}

type Context = { addIssue(issue: { code: "custom"; message: string; params: IssueParams }): void };

/** Reports a problem at the value being checked. */
export function complain(ctx: Context, message: string, params: IssueParams): void {
  ctx.addIssue({ code: "custom", message, params });
}

function refuse(ctx: Context, message: string, rule: string, allowed?: string): never {
  complain(ctx, message, { rule, ...(allowed === undefined ? {} : { allowed }) });
  return z.NEVER;
}

/** A DNS label; `reserved` names are refused. */
export function label(reserved: readonly string[] = []) {
  return z
    .string()
    .superRefine((name, ctx) => {
      if (!LABEL.test(name)) complain(ctx, "isn't a DNS label", { rule: "dns-label", allowed: LABEL_WORDS });
      else if (reserved.includes(name))
        complain(ctx, "is a reserved name", {
          rule: "reserved-name",
          allowed: `any name but ${reserved.join(", ")}`,
        });
    })
    .meta({ title: "DNS label", pattern: LABEL.source });
}

/** Milliseconds from `2s`, `30m`, `2h`. Above zero unless `min` is 0. */
export function duration(range: { min?: number; max: number }) {
  const min = range.min ?? 1;
  const allowed = `a duration from ${formatDuration(min)} to ${formatDuration(range.max)}, such as 500ms, 2s, 30m or 2h`;
  return z
    .string()
    .meta({ title: "duration", pattern: DURATION_PATTERN, examples: ["500ms", "2s", "30m", "2h"] })
    .transform((text, ctx): number => {
      const ms = parseDuration(text);
      if (ms === undefined) return refuse(ctx, "isn't a duration", "duration", allowed);
      if (ms < min || ms > range.max) return refuse(ctx, "is out of range", "range", allowed);
      return ms;
    });
}

/** Bytes from `512Mi`, `4Gi`. */
export function size(range: { min: number; max: number }) {
  const allowed = `a size from ${formatSize(range.min)} to ${formatSize(range.max)}, such as 512Mi or 4Gi`;
  return z
    .union([z.string(), z.int()])
    .meta({ title: "size", pattern: SIZE_PATTERN, examples: ["512Mi", "4Gi"] })
    .transform((given, ctx): number => {
      const bytes = typeof given === "number" ? given : parseSize(given);
      if (bytes === undefined) return refuse(ctx, "isn't a size", "size", allowed);
      if (bytes < range.min || bytes > range.max) return refuse(ctx, "is out of range", "range", allowed);
      return bytes;
    });
}

/** A difference of two rates, above 0 and below `below`: `25pp` is 0.25. */
export function points(range: { below: number }) {
  const allowed = `percentage points above 0pp and below ${range.below * 100}pp, such as 0.5pp`;
  return z
    .string()
    .meta({ title: "difference in percentage points", pattern: POINTS_PATTERN, examples: ["0.5pp", "1pp"] })
    .transform((text, ctx): number => {
      const value = parsePoints(text);
      if (value === undefined) return refuse(ctx, "isn't in percentage points", "margin", allowed);
      if (value <= 0 || value >= range.below) return refuse(ctx, "is out of range", "range", allowed);
      return value;
    });
}

/** A relative rise, above 0: `400%` is 4. `max` as a fraction. */
export function percent(range: { max: number }) {
  const allowed = `a percentage above 0% and at most ${range.max * 100}%, such as 20%`;
  return z
    .string()
    .meta({ title: "percentage", pattern: PERCENT_PATTERN, examples: ["20%"] })
    .transform((text, ctx): number => {
      const value = parsePercent(text);
      if (value === undefined) return refuse(ctx, "isn't a percentage", "margin", allowed);
      if (value <= 0 || value > range.max) return refuse(ctx, "is out of range", "range", allowed);
      return value;
    });
}

/** Half: a margin so wide lets a version through that a coin could stand in for. */
const WIDEST_POINTS = 0.5;
/** Eleven times as long. */
const WIDEST_PERCENT = 10;

/**
 * `0.5pp` (a difference of two rates) is 0.005, `20%` (of a latency) is 0.2. Which of both a metric takes is said
 * with the rules that relate keys. A bare number is refused: it could mean two things.
 */
export function margin() {
  const allowed =
    "percentage points above 0pp and below 50pp, such as 0.5pp; of latency a percentage above 0% and at most 1000%, such as 20%";
  return z
    .string()
    .meta({
      title: "margin",
      pattern: `${POINTS_PATTERN}|${PERCENT_PATTERN}`,
      examples: ["0.5pp", "20%"],
    })
    .transform((text, ctx): number => {
      const difference = parsePoints(text);
      const value = difference ?? parsePercent(text);
      if (value === undefined) return refuse(ctx, "isn't a margin", "margin", allowed);
      const tooWide = difference === undefined ? value > WIDEST_PERCENT : value >= WIDEST_POINTS;
      if (value <= 0 || tooWide) return refuse(ctx, "is out of range", "range", allowed);
      return value;
    });
}

/** How far below the champion a metric may lie: in the metric's own unit, or `0.5pp` of a fraction. */
export function distance() {
  const allowed =
    "a number of the metric's own unit from 0 up, such as 0.005, or percentage points, such as 0.5pp";
  return z
    .union([z.number(), z.string()])
    .meta({ title: "distance", pattern: POINTS_PATTERN, minimum: 0, examples: [0.005, "0.5pp"] })
    .transform((given, ctx): number => {
      const value = typeof given === "number" ? given : parsePoints(given);
      if (value === undefined) return refuse(ctx, "isn't a distance", "margin", allowed);
      if (value < 0) return refuse(ctx, "is out of range", "range", allowed);
      return value;
    });
}

/** A smaller rate than this can't be told from never: one in a million rollouts. */
const LEAST_RATE = 1e-6;

/** A probability of a false verdict, from one in a million to below 0.5: `0.01` or `1%`. */
export function rate() {
  const allowed = "a rate from 0.000001 to below 0.5, such as 0.01 or 1%";
  return z
    .union([z.number(), z.string()])
    .meta({
      title: "rate",
      pattern: PERCENT_PATTERN,
      minimum: LEAST_RATE,
      exclusiveMaximum: 0.5,
      examples: [0.01, "1%"],
    })
    .transform((given, ctx): number => {
      const value = typeof given === "number" ? given : parsePercent(given);
      if (value === undefined) return refuse(ctx, "isn't a rate", "rate", allowed);
      if (value < LEAST_RATE || value >= 0.5) return refuse(ctx, "is out of range", "range", allowed);
      return value;
    });
}

/** A part of all, from none to all: `1%` is 0.01. */
export function part() {
  const allowed = "a percentage from 0% to 100%, such as 1%";
  return z
    .string()
    .meta({ title: "part", pattern: PERCENT_PATTERN, examples: ["1%", "100%"] })
    .transform((text, ctx): number => {
      const value = parsePercent(text);
      if (value === undefined) return refuse(ctx, "isn't a percentage", "percentage", allowed);
      if (value > 1) return refuse(ctx, "is out of range", "range", allowed);
      return value;
    });
}

/** A file, folder or glob that can't leave the folder it is relative to. */
export function innerPath() {
  const allowed = "a relative path inside the folder, with / between names and without ..";
  return z
    .string()
    .max(1024)
    .superRefine((path, ctx) => {
      const parts = path.split("/");
      // oxlint-disable-next-line no-control-regex
      const odd = path === "" || /[\u0000-\u001f\u007f\\]/.test(path) || /^[A-Za-z]:/.test(path);
      if (odd || path.startsWith("/") || path.startsWith("~") || parts.includes(".."))
        complain(ctx, "leaves the folder or isn't a path", { rule: "inner-path", allowed });
      else if (parts.includes(".git"))
        complain(ctx, "lies in Git's own folder", { rule: "inner-path", allowed });
    })
    .meta({ title: "path" });
}
