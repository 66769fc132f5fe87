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
  scale: ScaleSpec;
  /**
   * "auto", the default: a scikit-learn, XGBoost or LightGBM model runs as ONNX where that is proven to change none of
   * its answers; "never": always in Python.
   */
  compile?: "auto" | "never";
  /** Of each variant; a request beyond them is refused at once. */
  limits?: {
    /** Requests with its workers at once; none: as many as come. */
    concurrency?: number;
    /** Requests that wait; default 1024. */
    queue?: number;
  };
  /** Of each worker. */
  resources?: {
    /** Processors; below 1 a weight. Default 1. */
    cpu?: number;
    /** Bytes; default 1 GiB. */
    memory?: number;
  };
  /** Of one prediction, all retries included. */
  timeout: number;
  /** Header whose value keeps a caller on one variant. */
  sticky?: { header: string };
  /** Of a request's body, in bytes. */
  maxBody: number;
  /** The prediction log. */
  log?: PredictionLogSpec;
}

/** Which requests are kept with their answers, and how long. */
export interface PredictionLogSpec {
  /** Of the requests, as a fraction from 0 to 1; default 0.01. */
  sample?: number;
  /** Whether inputs and outputs are kept; default true. */
  values?: boolean;
  /** Milliseconds; default 30 days. */
  keep?: number;
  /** Bytes of the service's files; default 1 GiB. */
  maxSize?: number;
}

/** Workers of a variant: how many, and when. */
export interface ScaleSpec {
  /** 0: none while nobody asks. */
  min: number;
  /** Default: `min`, at least 1. */
  max?: number;
  /** Requests under way or waiting for each worker, on average; default 4. */
  target?: { concurrency: number };
  /** Milliseconds without a request after which the last worker ends, where `min` is 0; default ten minutes. */
  idle?: number;
}

/** What a challenger is compared with the champion by. */
export type RolloutMetric = ErrorMetric | LatencyMetric | LabelMetric;

/** Share of failed units, counted by the platform. */
export interface ErrorMetric {
  name: "errors";
  /** Absolute margin as a fraction: 0.5pp is 0.005. */
  worseBy: number;
}

/** A quantile of the time to answer, measured by the platform. */
export interface LatencyMetric {
  name: "latency";
  /** Strictly between 0 and 1. */
  quantile: number;
  /** Relative margin: 20% is 0.2. */
  worseBy: number;
  /** A smaller difference than this, in milliseconds, is never worse, whatever the relative margin says. */
  floor: number;
}

/** Mean loss of the predictions whose true answer came. */
export interface LabelMetric {
  name: string;
  from: "labels";
  /** Absolute margin as a fraction. */
  worseBy: number;
  /**
   * Milliseconds: a label counts when its prediction is this old, so that wrong answers whose labels come later
   * than those of right ones can't bend the comparison on the way. 0: as they come.
   */
  within: number;
}

export type RolloutKind = "canary" | "blue-green" | "instant";

export interface RolloutPolicy {
  /**
   * `canary`: step by step, judged against the champion. `blue-green`: all at once after the contract check, the old
   * champion ready beside it for `watch`. `instant`: all at once, the old champion's workers are ended.
   */
  kind: RolloutKind;
  /**
   * Before any answer of the challenger's is given out, copies of requests go to it: `share` per cent of them, for
   * `for` milliseconds; `for: null`: copies only, until a person says that it may go on.
   */
  shadow: { share: number; for: number | null } | null;
  /** A unit that the challenger fails is answered by the champion; it counts as the challenger's failure all the same. */
  fallback: boolean;
  /** Of blue-green: how long the old champion stays ready after the switch, and the absolute guard watches. */
  watch: number;
  /**
   * Outside the declared rates: both arms together against the time before the rollout. `errors`: absolute rise as a
   * fraction; `latency`: relative rise of the 95th percentile (4 is five times as long). Null: off.
   */
  guard: { errors: number; latency: number } | null;
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
