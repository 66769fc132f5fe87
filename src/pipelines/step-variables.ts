import { DEFAULT_TENANT } from "../http/identity.ts";
import type { PipelineRun } from "./pipeline-run.ts";

/**
 * Variables that tell a pipeline run's steps where they are. MLflow's client resumes MLFLOW_RUN_ID at the first
 * start_run() and forgets it; a further start_run() goes to MLFLOW_EXPERIMENT_ID. MLFLOW_EXPERIMENT_NAME is left
 * out: it would win over the id and cost a look-up, and both must agree.
 */
export function stepVariables(
  run: Pick<PipelineRun, "id" | "project" | "tenant" | "commit" | "trackingRunId">,
  platform: { url: string; experimentId: string; credentials: Record<string, string> },
): Record<string, string> {
  return {
    ...platform.credentials,
    MLFLOW_TRACKING_URI: platform.url,
    // The step's token is for one tenant alone, so that clients which know no workspaces are right too.
    ...(run.tenant === DEFAULT_TENANT ? {} : { MLFLOW_WORKSPACE: run.tenant }),
    // Nothing leaves the machine unasked; and its threads race for an environment variable, which fails a logged metric.
    MLFLOW_DISABLE_TELEMETRY: "true",
    MLFLOW_RUN_ID: run.trackingRunId,
    MLFLOW_EXPERIMENT_ID: platform.experimentId,
    SLIPWAY_URL: platform.url,
    SLIPWAY_PROJECT: run.project,
    SLIPWAY_COMMIT: run.commit,
    SLIPWAY_PIPELINE_RUN: run.id,
  };
}
