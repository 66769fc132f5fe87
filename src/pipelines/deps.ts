import type { Clock } from "../base/clock.ts";
import type { Events } from "../base/events.ts";
import type { Ids } from "../base/ids.ts";
import type { Registry } from "../registry/registry.ts";
import type { RolloutRequests } from "../rollout/request.ts";
import type { BlobStore } from "../store/blobs.ts";
import type { Database } from "../store/database.ts";
import type { Tracking } from "../tracking/tracking.ts";
import type { PipelineEngine } from "./engine.ts";

export interface PipelinesDeps {
  database: Database;
  events: Events;
  engine: PipelineEngine;
  /** The default tenant's. */
  tracking: Tracking;
  registry: Registry;
  rollouts: RolloutRequests;
  /** The store behind the artifact API. */
  artifacts: Pick<BlobStore, "list">;
  clock: Clock;
  ids: Ids;
  /** Folder of a project's bare repository. */
  repository: (project: string) => string;
  /** Where steps reach this platform, such as `http://127.0.0.1:4600`. */
  url: () => string;
  /** What steps need beyond that to be let in, such as MLFLOW_TRACKING_TOKEN. Never logged. */
  credentials?: Record<string, string>;
  /** What stands in for these in another tenant's pipeline runs. */
  inTenant?: (
    tenant: string,
  ) => Promise<Required<Pick<PipelinesDeps, "tracking" | "registry" | "credentials">>>;
  /** Where defects go: the process's log. */
  logDefect: (error: unknown, where: string) => void;
  limits?: Partial<PipelineLimits>;
}

export interface PipelineLimits {
  /** Pipeline runs of one project that may wait; default 50. */
  queued: number;
  /** First wait before a stage that met a passing trouble is tried again; doubles up to a minute. Default 1 s. */
  retryMs: number;
}

export const DEFAULT_LIMITS: PipelineLimits = { queued: 50, retryMs: 1000 };
