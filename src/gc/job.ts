import type { ErrorBody } from "../http/errors.ts";
import type { Kept, Kind } from "./thing.ts";

/** How much there is, or has gone. */
export interface Amount {
  experiments: number;
  runs: number;
  loggedModels: number;
  traces: number;
  /** In the database, with those of metrics, params, tags, inputs, spans and assessments. */
  rows: number;
  /** In the artifact store. */
  files: number;
  bytes: number;
  /** Things whose files lie in stores that only clients reach: these files stay. */
  elsewhere: number;
}

/** One counting, and the deletion of what it found. Times are milliseconds since the epoch. */
export interface GcJob {
  id: string;
  /** Null: all of them. */
  tenant: string | null;
  state: "counting" | "counted" | "deleting" | "done" | "failed";
  /** What was deleted then or before is meant. */
  cutoff: number;
  experiments: string[] | null;
  runs: string[] | null;
  found: Amount;
  deleted: Amount;
  /** Deleted things that stay, since something needs them; with the first of them. */
  kept: { count: number; examples: Kept[] };
  /**
   * Counted: things that an earlier deletion has taken, whose files are still to be removed. Deleted: those whose files
   * couldn't be removed this time either; the next deletion tries again.
   */
  leftBehind: number;
  /** Bytes inside the database's file that new rows use first; null for PostgreSQL, which sees to it by itself. */
  reusableBytes: number | null;
  error: ErrorBody | null;
  startedAt: number;
  endedAt: number | null;
}

const MOST_EXAMPLES = 100;

export const COUNT_OF: Readonly<Record<Kind, "experiments" | "runs" | "loggedModels" | "traces">> = {
  experiment: "experiments",
  run: "runs",
  model: "loggedModels",
  trace: "traces",
};

export function nothing(): Amount {
  return {
    experiments: 0,
    runs: 0,
    loggedModels: 0,
    traces: 0,
    rows: 0,
    files: 0,
    bytes: 0,
    elsewhere: 0,
  };
}

/** Adds to what is kept; of many the first. */
export function keep(job: GcJob, kept: readonly Kept[]): void {
  job.kept.count += kept.length;
  job.kept.examples.push(...kept.slice(0, MOST_EXAMPLES - job.kept.examples.length));
}
