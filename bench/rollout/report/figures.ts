import { quantile, upperBound } from "../confidence.ts";
import type { Row } from "../jobs/job.ts";

/** How often something happened, with the bounds of its real rate (one-sided, 95 % each). */
export interface Share {
  hits: number;
  trials: number;
  rate: number;
  low: number;
  high: number;
}

export function share(rows: readonly Row[], happened: (row: Row) => boolean): Share {
  return shareOf(rows.filter(happened).length, rows.length);
}

export function shareOf(hits: number, trials: number): Share {
  return {
    hits,
    trials,
    rate: hits / trials,
    low: 1 - upperBound(trials - hits, trials),
    high: upperBound(hits, trials),
  };
}

/** Whether rollouts enough show that the real rate lies under the declared one, or over it. */
export function standing({ low, high }: Share, declared: number): "under" | "over" | "open" {
  if (high <= declared) return "under";
  return low > declared ? "over" : "open";
}

export function median(rows: readonly Row[], value: (row: Row) => number | null): number {
  return quantile(rows.map(value), 0.5);
}

export function percent(rate: number, digits = 2): string {
  return `${(rate * 100).toFixed(digits)} %`;
}

/** Seconds for a person; what didn't happen in time has none. */
export function time(seconds: number): string {
  if (!Number.isFinite(seconds)) return "–";
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  return `${grouped(Math.round(seconds))} s`;
}

export function grouped(value: number): string {
  return Math.round(value)
    .toString()
    .replace(/\B(?=(\d{3})+(?!\d))/g, ",");
}
