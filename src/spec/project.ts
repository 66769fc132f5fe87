/**
 * `slipway.yaml` after parsing: defaults filled in, durations in milliseconds, sizes in bytes, margins as
 * fractions (0.5pp is 0.005). The zod schema in schema.ts is the authored source; this is what it gives.
 */
export interface Project {
  apiVersion: "slipway/v1";
  kind: "Project";
  /** DNS label; also the name of the Git repository and of the MLflow experiment. */
  name: string;
  environment: StepEnvironment;
  pipeline: { steps: Step[]; cache: boolean };
  model?: ModelSpec;
  serving: ServingSpec;
  rollout: RolloutPolicy;
}

/** At most one of both: a requirements.txt or a package.json, relative to the repository. Neither: what the machine has. */
export interface StepEnvironment {
  python?: string;
  node?: string;
}

export interface Step {
  name: string;
  /** A command for `sh -c` in the working folder. */
  run: string;
  needs: string[];
  /** Paths or globs in the working folder that the step reads; empty: the whole commit. Part of the cache key. */
  inputs: string[];
  /** Paths that the step must have written when it ends. */
  outputs: string[];
  /** Given as environment variables SLIPWAY_PARAM_<NAME>; part of the cache key. */
  params: Record<string, string | number | boolean>;
  cache: boolean;
  resources: { cpu?: number; memory?: number };
  retries: number;
  /** First wait before a retry; doubles each time. */
  backoff: number;
  timeout: number;
}

export interface ModelSpec {
  name: string;
  /** Folder of the model below the tracking run's artifacts. */
  artifact: string;
  gate: Gate[];
}

export type Gate =
  | { metric: string; min: number }
  | { metric: string; max: number }
  | { metric: string; atLeastChampionMinus: number };

export interface ServingSpec {
  protocol: ("v1" | "v2")[];
  /** Workers of a variant. */
  scale: { min: number };
  /** Of one prediction, all retries included. */
  timeout: number;
  /** Header whose value keeps a caller on one variant. */
  sticky?: { header: string };
  /** Of a request's body, in bytes. */
  maxBody: number;
}

export type RolloutMetric =
  | { name: "errors"; worseBy: number }
  | { name: string; from: "labels"; worseBy: number };

export interface RolloutPolicy {
  /** Per cent to the challenger, rising. */
  steps: number[];
  falseRollbackRate: number;
  falsePromotionRate: number;
  metrics: RolloutMetric[];
  deadline: number;
  onNotEnoughData: "hold" | "rollback" | "promote";
  /** "none", or the role that must say yes before promotion. */
  approval: string;
  /** What a client that sets the `champion` alias by MLflow's API gets: a rollout, or the switch at once. */
  onAliasSet: "rollout" | "switch";
}
