import type { PodReport } from "../base/pod-report.ts";

/**
 * What the explanation reads. Undefined: there is no such thing. Times are milliseconds since the epoch; a `reason`
 * is one line for a person, null when the feature has none. The composition root fills this from the features.
 */
export interface WhySources {
  pipelineRun(id: string): Promise<WhyPipelineRun | undefined>;
  version(model: string, version: number): Promise<WhyVersion | undefined>;
  rollout(id: string): Promise<WhyRollout | undefined>;
  service(model: string): Promise<WhyService | undefined>;
  /** The newest rollout of a version; undefined when it never asked for one. */
  rolloutOf(model: string, version: number): Promise<WhyRollout | undefined>;
  /** One prediction by its request id, and what is kept of predictions. */
  request(id: string): Promise<{ request?: WhyRequest; kept: WhyKept }>;
  /** Where a version came from, as tracking knows it. */
  origin(model: string, version: number): Promise<WhyOrigin | undefined>;
  /** Newest first; what was recorded about `pipeline-run/…`, `version/…`, `rollout/…`, `service/…`, `step/…`. */
  events(subject: string, limit: number): Promise<WhyEvent[]>;
  /** Last lines of one step; empty when nothing is kept. */
  stepLog(pipelineRunId: string, step: string, lines: number): Promise<string[]>;
  /** Last lines of a variant's workers; empty when it has none. */
  variantLog(model: string, version: number, lines: number): Promise<string[]>;
  /** In a cluster: pods of a variant that aren't ready; empty elsewhere. */
  variantPods(model: string, version: number, lines: number): Promise<PodReport[]>;
  /** In a cluster: the last pod of a step; empty elsewhere. */
  stepPods(pipelineRunId: string, step: string, lines: number): Promise<PodReport[]>;
}

interface WhyStep {
  name: string;
  /** A `StepState` of the pipeline engine. */
  state: string;
  reason: string | null;
  /** Of a failure, or of what keeps it from beginning. */
  code: string | null;
  finishedAt: number | null;
  /** Paths that it declares to read. */
  inputs: string[];
}

export interface WhyPipelineRun {
  id: string;
  project: string;
  commit: string;
  /** `running`, `succeeded`, `failed`, `cancelled`, or a queued state. */
  state: string;
  reason: string | null;
  createdAt: number;
  finishedAt: number | null;
  steps: WhyStep[];
  /** What it registered. */
  model: string | null;
  version: number | null;
  /** Another platform, on which it ran. */
  broughtFrom?: string;
}

export interface WhyVersion {
  model: string;
  version: number;
  createdAt: number;
  /** `champion`, `challenger`. */
  aliases: string[];
  /** What made it; null when a client registered it. */
  pipelineRunId: string | null;
  /** Of the project's repository. */
  commit: string | null;
  /** What it runs as and why, in a clause; null before it was prepared. */
  runsAs: string | null;
}

export interface WhyRollout {
  id: string;
  model: string;
  version: number;
  /** `pending`, `checking`, `progressing`, `held`, `promoted`, `rolledback`, `superseded`. */
  state: string;
  /** Such as `worse`, `contract-check`, `not-enough-data`, `by-hand`, `needs-approval`. */
  reason: string | null;
  /** The verdict or the failure in words. */
  sentence: string | null;
  createdAt: number;
  changedAt: number;
  pipelineRunId: string | null;
  /** Of the project's repository. */
  commit: string | null;
  /** True when the version was never given traffic because it didn't load or answered its example wrongly. */
  failedCheck: boolean;
}

export interface WhyService {
  name: string;
  state: string;
  champion: number | null;
  challenger: number | null;
  /** Per cent to the challenger. */
  weight: number;
  /** The latest, also when it has ended. */
  rolloutId: string | null;
  /** Of the environment repository. */
  commit: string | null;
  changedAt: number | null;
  /** Variants that aren't ready, with the reason their workers gave. */
  notReady: { version: number; reason: string; code?: string }[];
}

export interface WhyEvent {
  at: number;
  level: "info" | "warn" | "error";
  kind: string;
  message: string;
}

/** Since when predictions are known; null: none is. */
export interface WhyKept {
  /** Which version answered, of every request. */
  idsSince: number | null;
  /** Inputs and outputs, of the sampled ones. */
  valuesSince: number | null;
}

export interface WhyRequest {
  id: string;
  at: number;
  service: string;
  version: number;
  arm: string;
  status: number;
  /** Null: only known of sampled ones. */
  latencyMs: number | null;
  /** Of the environment repository. */
  commit: string;
  /** A version in the path, or a sticky caller's later request. */
  isDirect: boolean;
  /** The version on trial that failed it before. */
  fallbackVersion: number | null;
  /** Predicted classes or values as JSON. */
  prediction: string | null;
  error: string | null;
  /** Of a sampled one; of its first row. */
  values: { rows: number; inputs: string; outputs: string } | null;
}

/** Empty texts where nothing is known. */
export interface WhyOrigin {
  runId: string;
  runName: string;
  user: string;
  experimentName: string;
  commit: string;
  pipelineRunId: string;
  isRunThere: boolean;
  datasets: { name: string; digest: string; context: string; source: string }[];
}
