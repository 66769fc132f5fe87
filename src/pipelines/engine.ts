import type { PodReport } from "../base/pod-report.ts";
import type { ErrorCode } from "../http/errors.ts";
import type { Project } from "../spec/project.ts";

/** Everything an engine needs to execute one pipeline run; stored with the run, so that any engine can attach. */
export interface PipelineRunSpec {
  /** `pr-…` */
  id: string;
  project: Project;
  /** Bare repository on this machine, and the commit to check out. */
  repository: string;
  commit: string;
  /** Environment variables for every step (tracking address, run id, …). Never logged. */
  env: Record<string, string>;
  /** False switches the step cache off for this run. */
  cache: boolean;
}

export type StepState =
  | "waiting"
  | "preparing"
  | "running"
  | "succeeded"
  | "cached"
  | "failed"
  | "cancelled"
  | "skipped";

export interface StepStatus {
  name: string;
  state: StepState;
  attempt: number;
  startedAt?: number;
  finishedAt?: number;
  exitCode?: number;
  /** Why it failed, was reused or wasn't: one line for a person. */
  reason?: string;
  /** Of a failure: its code in the catalogue. */
  code?: ErrorCode;
}

export interface PipelineRunStatus {
  state: "running" | "succeeded" | "failed" | "cancelled";
  steps: StepStatus[];
}

/** Runs pipelines: local processes, Argo Workflows, Airflow. */
export interface PipelineEngine {
  /** Starts the run, or attaches to it when it is already under way or finished (after a restart). Idempotent by id. */
  submit(spec: PipelineRunSpec): Promise<void>;
  /** The state now, then every change, until the run has ended. */
  observe(id: string, signal: AbortSignal): AsyncIterable<PipelineRunStatus>;
  /** Ends all its processes; resolves when none is left. */
  cancel(id: string): Promise<void>;
  /** Output of a step, or of all; follows until the run ends when asked. Lines without their newline. */
  logs(
    id: string,
    options: { step?: string; follow: boolean; signal: AbortSignal },
  ): AsyncIterable<{ step: string; line: string }>;
  /** Where steps are pods: the last one of a step, and what the cluster says of it; absent elsewhere. */
  pods?(id: string, step: string, lines: number): Promise<PodReport[]>;
}
