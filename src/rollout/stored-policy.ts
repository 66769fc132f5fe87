import type { RolloutMetric, RolloutPolicy } from "../spec/project.ts";

/** A policy as some earlier version may have stored it. */
export type StoredPolicy = Omit<RolloutPolicy, Added | "metrics"> &
  Partial<Pick<RolloutPolicy, Added>> & { metrics: StoredMetric[] };

type Added = "kind" | "shadow" | "fallback" | "watch" | "guard";
type StoredMetric = RolloutMetric | (Pick<RolloutMetric, "name" | "worseBy"> & { from?: "labels" });

const WATCH_MS = 600_000;
const FLOOR_MS = 5;

/** Fills in what policies didn't say when this one was stored; it goes on as it began, so without a guard. */
export function completePolicy(stored: StoredPolicy): RolloutPolicy {
  return {
    ...stored,
    kind: stored.kind ?? "canary",
    shadow: stored.shadow ?? null,
    fallback: stored.fallback ?? false,
    watch: stored.watch ?? WATCH_MS,
    guard: stored.guard ?? null,
    metrics: stored.metrics.map(completeMetric),
  };
}

function completeMetric(metric: StoredMetric): RolloutMetric {
  if ("from" in metric) return { within: 0, ...metric } as RolloutMetric;
  if ("quantile" in metric) return { ...metric, floor: (metric.floor as number | undefined) ?? FLOOR_MS };
  return metric as RolloutMetric;
}
