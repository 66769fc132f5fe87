import type { RolloutMetric, RolloutPolicy } from "../spec/project.ts";
import { formatDuration, formatSize } from "../spec/units.ts";

/** What is meant where a metric says nothing; milliseconds. */
const FLOOR = 5;
const WITHIN = 0;

const DURATIONS = new Set(["deadline", "watch", "timeout"]);

/**
 * A setting as a person would write it in slipway.yaml, on one line and without what is meant anyway, the same for the
 * same setting: `[{ name: errors, worseBy: 0.5pp }]`, `10m`, `{ for: 10m }`, `none`.
 */
export function writtenSetting(setting: string, value: unknown): string {
  if (setting === "metrics") return flow((value as RolloutMetric[]).map(metric));
  if (setting === "shadow") return flow(shadow((value ?? null) as RolloutPolicy["shadow"]));
  if (setting === "guard") return flow(guard((value ?? null) as RolloutPolicy["guard"]));
  if (value === undefined || value === null) return "none";
  if (typeof value === "number" && DURATIONS.has(setting)) return formatDuration(value);
  if (typeof value === "number" && setting === "maxBody") return formatSize(value);
  return flow(value);
}

function metric(of: RolloutMetric): object {
  const { name } = of;
  if ("quantile" in of) {
    const { quantile, worseBy, floor } = of;
    return { name, quantile, worseBy: percent(worseBy), ...timeUnless("floor", floor, FLOOR) };
  }
  const worseBy = points(of.worseBy);
  if ("from" in of) return { name, from: of.from, worseBy, ...timeUnless("within", of.within, WITHIN) };
  return { name, worseBy };
}

/** Stored ones of earlier versions may lack the key. */
function timeUnless(key: string, ms: number | undefined, meant: number): object {
  return ms === undefined || ms === meant ? {} : { [key]: formatDuration(ms) };
}

function shadow(of: RolloutPolicy["shadow"]): unknown {
  if (of === null) return false;
  const share = of.share === 100 ? {} : { share: of.share };
  if (of.for === null) return of.share === 100 ? true : share;
  return { for: formatDuration(of.for), ...share };
}

function guard(of: RolloutPolicy["guard"]): unknown {
  return of === null ? "none" : { errors: points(of.errors), latency: percent(of.latency) };
}

function points(fraction: number): string {
  return `${hundredths(fraction)}pp`;
}

function percent(fraction: number): string {
  return `${hundredths(fraction)}%`;
}

/** 0.07 * 100 is 7.000000000000001. */
function hundredths(fraction: number): number {
  return Number((fraction * 100).toPrecision(12));
}

/** As YAML writes it on one line. */
function flow(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(flow).join(", ")}]`;
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value);
    return `{ ${entries.map(([key, inner]) => `${key}: ${flow(inner)}`).join(", ")} }`;
  }
  return typeof value === "string" && /^[\w./%-][\w./% -]*$/.test(value) ? value : JSON.stringify(value);
}
