import type { EvidencePoint } from "../../src/rollout/evidence.ts";
import type { ArmCount } from "../../src/rollout/judge.ts";

/** Columns for a chart: times in seconds, and per line its values. */
export interface Columns {
  times: number[];
  lines: (number | null)[][];
}

const Z95 = 1.959964;

/** Wilson's 95 % interval of a mean of losses in [0, 1]; null without units. */
export function wilson({ units, loss }: ArmCount): { rate: number; low: number; high: number } | null {
  if (units <= 0) return null;
  const rate = loss / units;
  const z2 = Z95 * Z95;
  const centre = (rate + z2 / (2 * units)) / (1 + z2 / units);
  const half = (Z95 / (1 + z2 / units)) * Math.sqrt((rate * (1 - rate)) / units + z2 / (4 * units * units));
  return { rate, low: Math.max(0, centre - half), high: Math.min(1, centre + half) };
}

/** Evidence that the version is worse: all metrics together, then each. */
export function harmColumns(history: readonly EvidencePoint[], metrics: readonly string[]): Columns {
  return {
    times: history.map(({ at }) => at / 1000),
    lines: [
      history.map(({ harm }) => harm),
      ...metrics.map((metric) => history.map((point) => point.metrics[metric]?.harm ?? null)),
    ],
  };
}

/** Evidence that the version is as good, per metric. */
export function safetyColumns(history: readonly EvidencePoint[], metrics: readonly string[]): Columns {
  return {
    times: history.map(({ at }) => at / 1000),
    lines: metrics.map((metric) => history.map((point) => point.metrics[metric]?.safety ?? null)),
  };
}

/** One metric's rate since the trial began with its interval: champion, low, high, challenger, low, high. */
export function rateColumns(history: readonly EvidencePoint[], metric: string): Columns {
  const intervals = (arm: "champion" | "challenger") =>
    history.map((point) => {
      const counted = point.metrics[metric]?.[arm];
      return counted === undefined ? null : wilson(counted);
    });
  const lines = (["champion", "challenger"] as const).flatMap((arm) => {
    const known = intervals(arm);
    return (["rate", "low", "high"] as const).map((key) => known.map((interval) => interval?.[key] ?? null));
  });
  return { times: history.map(({ at }) => at / 1000), lines };
}

/** Champion's and challenger's 95th percentile, in milliseconds. */
export function latencyColumns(history: readonly EvidencePoint[]): Columns {
  return {
    times: history.map(({ at }) => at / 1000),
    lines: [history.map(({ p95 }) => p95.champion), history.map(({ p95 }) => p95.challenger)],
  };
}

/** Where the challenger's share changed: seconds, and per cent from then on. The first point is no change. */
export function shareChanges(history: readonly EvidencePoint[]): { time: number; share: number }[] {
  return history.flatMap((point, index) => {
    const before = history[index - 1];
    return before === undefined || before.share === point.share
      ? []
      : [{ time: point.at / 1000, share: point.share }];
  });
}

/** "0.5pp" as the fraction 0.005; null of a margin that isn't one in percentage points. */
export function marginInPoints(margin: string): number | null {
  const [, digits] = /^([\d.]+)\s*pp$/.exec(margin) ?? [];
  return digits === undefined ? null : Number(digits) / 100;
}

/** Parts of a chart's width within which a line is drawn at its highest. */
const PARTS = 60;

/**
 * A line of evidence as it is drawn: the highest value around each time. Answers under way count against what is to be
 * shown until they end, so from look to look the number dips and comes back. Null is infinite.
 */
export function upperEdge(times: readonly number[], line: readonly (number | null)[]): (number | null)[] {
  const half = ((times.at(-1) ?? 0) - (times[0] ?? 0)) / PARTS / 2;
  let from = 0;
  return times.map((time, index) => {
    while ((times[from] ?? time) < time - half) from++;
    let highest = line[index] ?? Infinity;
    for (let i = from; i < times.length && (times[i] ?? Infinity) <= time + half; i++)
      highest = Math.max(highest, line[i] ?? Infinity);
    return highest === Infinity ? null : highest;
  });
}
