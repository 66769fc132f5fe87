import { invalid } from "../wire/errors.ts";
import { LIMITS } from "../wire/limits.ts";
import type { Entries } from "./rows.ts";

/** Keys of MLflow with a meaning of their own (mlflow/tracing/constant.py). */
export const METADATA = {
  sourceRun: "mlflow.sourceRun",
  tokenUsage: "mlflow.trace.tokenUsage",
  cost: "mlflow.trace.cost",
  user: "mlflow.trace.user",
  session: "mlflow.trace.session",
  sizeStats: "mlflow.trace.sizeStats",
  finalized: "mlflow.trace.infoFinalized",
} as const;

export const TAG = {
  name: "mlflow.traceName",
  artifactLocation: "mlflow.artifactLocation",
  spansLocation: "mlflow.trace.spansLocation",
  archiveLocation: "mlflow.trace.archiveLocation",
  archivalFailure: "mlflow.trace.archivalFailure",
} as const;

/** Characters of a trace's texts; longer values of tags and metadata are cut as MLflow's client cuts them. */
export const TRACE_LIMITS = {
  key: 250,
  tagValue: 4096,
  metadataValue: 250,
  sessionId: 250,
  /** Of tags and of metadata, each. */
  entries: 1000,
  preview: 10_000,
} as const;

/** Keys and values within MLflow's limits. */
export function bounded(entries: Entries, what: "tags" | "metadata"): [string, string][] {
  if (entries.length > TRACE_LIMITS.entries) {
    throw invalid(`A trace has at most ${TRACE_LIMITS.entries} ${what}, not ${entries.length}.`);
  }
  const max = what === "tags" ? TRACE_LIMITS.tagValue : TRACE_LIMITS.metadataValue;
  return entries.map(([key, value]) => [
    key.slice(0, TRACE_LIMITS.key),
    // Sums over many spans need more than a client's own metadata, and are cut by nobody.
    key === METADATA.tokenUsage || key === METADATA.cost || key === METADATA.sizeStats
      ? value.slice(0, LIMITS.tagValue)
      : value.slice(0, max),
  ]);
}

export function checkSession(id: string | undefined): string | null {
  if (id === undefined) return null;
  if (id.length <= TRACE_LIMITS.sessionId) return id;
  throw invalid(
    `Session ID exceeds the maximum length of ${TRACE_LIMITS.sessionId} characters: it has ${id.length}.`,
  );
}
