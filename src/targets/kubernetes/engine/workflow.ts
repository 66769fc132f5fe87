import type { KubernetesObject } from "../object.ts";

/** As much of Argo's Workflow (`argoproj.io/v1alpha1`, 3.5 to 4) as is written or read here. */
export interface Workflow extends KubernetesObject {
  apiVersion: "argoproj.io/v1alpha1";
  kind: "Workflow";
  spec: WorkflowSpec;
  status?: WorkflowStatus;
}

export interface WorkflowSpec {
  entrypoint: string;
  serviceAccountName: string;
  /** Set to end it: "Terminate" kills its pods, and nothing more of it is started. */
  shutdown?: "Terminate" | "Stop";
  podMetadata: { labels: Record<string, string> };
  securityContext: object;
  volumes: object[];
  ttlStrategy: { secondsAfterCompletion: number };
  podGC: { strategy: "OnWorkflowCompletion"; deleteDelayDuration: string };
  templates: (DagTemplate | StepTemplate)[];
}

export interface DagTemplate {
  name: string;
  dag: { failFast: false; tasks: { name: string; template: string; dependencies?: string[] }[] };
}

export interface StepTemplate {
  name: string;
  metadata: { labels: Record<string, string> };
  /** Seconds; the last resort, since the step itself keeps to its timeout. */
  activeDeadlineSeconds: number;
  retryStrategy: {
    limit: number;
    retryPolicy: "Always";
    expression: string;
    backoff: { duration: string; factor: number; cap: string };
  };
  container: {
    image: string;
    imagePullPolicy?: string;
    command: string[];
    args: string[];
    env: object[];
    resources: { requests: Record<string, string>; limits: Record<string, string> };
    securityContext: object;
    volumeMounts: object[];
  };
}

export interface WorkflowStatus {
  phase?: "Pending" | "Running" | "Succeeded" | "Failed" | "Error";
  message?: string;
  startedAt?: string;
  finishedAt?: string;
  nodes?: Record<string, WorkflowNode>;
  /** Base64 of gzip of `nodes`, which then are empty: of a large one. */
  compressedNodes?: string;
}

export interface WorkflowNode {
  id: string;
  name: string;
  /** `train(0)` of the first pod of the step `train`. */
  displayName?: string;
  type: string;
  templateName?: string;
  phase?: "Pending" | "Running" | "Succeeded" | "Skipped" | "Omitted" | "Failed" | "Error";
  message?: string;
  startedAt?: string | null;
  finishedAt?: string | null;
}

export const WORKFLOW_API = "argoproj.io/v1alpha1";

export const RUN_LABEL = "slipway.dev/pipeline-run";
export const STEP_LABEL = "slipway.dev/step";
