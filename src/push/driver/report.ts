import type { Report } from "../../import/driver/tally.ts";

/** What a push has done, for `--json` and for people. Times are milliseconds since the epoch. */
export interface PushReport {
  project: string;
  source: { url: string; platform: string; tenant: string };
  target: { url: string; tenant: string };
  isDryRun: boolean;
  startedAt: number;
  endedAt: number;
  /** Of runs, metrics, models, versions, traces and files: found here, sent now, unchanged since an earlier push, failed. */
  counts: Report["counts"];
  pipelineRuns: { found: number; brought: number; unchanged: number };
  /** Of files that were sent; what the target had already is `bytesThere`. */
  bytes: number;
  bytesThere: number;
  /** Branches and tags that were moved, or would be. */
  refs: { ref: string; commit: string; from: string | null }[];
  /** Experiments that have another id there, or that were there before. */
  experiments: Report["experiments"];
  /** Null: there is nothing to serve, or something couldn't be sent. */
  service: ServiceReport | null;
  skipped: string[];
  problems: Report["problems"];
  problemCount: number;
  /** Everything is there. */
  isComplete: boolean;
}

export interface ServiceReport {
  model: string;
  version: number;
  /** `planned`: of a dry run; `serving`: it was the champion already; else what became of its rollout until now. */
  state: string;
  rolloutId: string | null;
  sentence: string | null;
  /** Where it is called. */
  url: string;
}
