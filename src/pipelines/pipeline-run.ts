import type { ErrorCode } from "../http/errors.ts";
import type { Project } from "../spec/project.ts";
import type { StepStatus } from "./engine.ts";

/**
 * `queued → running → registering → succeeded`, or `failed` or `cancelled` from any of the first three.
 * `registering` covers the gate, the model version and the request for its rollout.
 */
type PipelineRunState = "queued" | "running" | "registering" | "succeeded" | "failed" | "cancelled";

/** One execution of a project's pipeline, as the database keeps it. Times are milliseconds since the epoch. */
export interface PipelineRun {
  id: string;
  project: string;
  /** Whose project it is. */
  tenant: string;
  commit: string;
  ref: string;
  pusher: string;
  /** As it was at that commit. */
  spec: Project;
  cache: boolean;
  state: PipelineRunState;
  /** Why it failed or was cancelled. */
  reason: string | null;
  code: ErrorCode | null;
  trackingRunId: string;
  model: string | null;
  version: number | null;
  rolloutId: string | null;
  createdAt: number;
  startedAt: number | null;
  finishedAt: number | null;
  cancelRequested: boolean;
  /** The end was told as an event. */
  announced: boolean;
  /** The last that is known of the steps. */
  steps: StepStatus[];
  /** It ran on another platform, which this names, and came here with what it made. */
  broughtFrom?: string;
}

/** True when nothing will change any more. */
export function hasEnded(run: Pick<PipelineRun, "finishedAt">): boolean {
  return run.finishedAt !== null;
}
