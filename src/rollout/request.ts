import type { RolloutPolicy, ServingSpec } from "../spec/project.ts";

/** A version that wants to serve. */
export interface RolloutRequest {
  /** Repeats with the same key make no second rollout: a pipeline run's id, or the id of an alias request. */
  key: string;
  project: string;
  /** Whose project and service it is; undefined: the default tenant's. */
  tenant?: string;
  /** Commit of the project's repository that made the version; "" when a client asked by alias. */
  commit: string;
  pipelineRunId?: string;
  model: string;
  version: number;
  policy: RolloutPolicy;
  serving: ServingSpec;
  /** Who asked: the pusher, or `mlflow client`. */
  requestedBy: string;
  /** Goes in at once after its contract check, whatever the policy's kind: asked by hand, or by an alias set. */
  atOnce?: true;
}

export interface RolloutRequests {
  /** Durable when it resolves. */
  request(request: RolloutRequest): Promise<{ rolloutId: string }>;
}
