import type { Clock } from "../base/clock.ts";
import type { Database } from "../store/database.ts";

/** What the registry is given. */
export interface RegistryDeps {
  db: Database;
  clock: Clock;
  /** Of tracking runs and logged models, to resolve `runs:/` and `models:/m-` sources. */
  artifactUris: {
    ofRun(workspace: string, runId: string): Promise<string | undefined>;
    ofLoggedModel(
      workspace: string,
      modelId: string,
    ): Promise<{ artifactUri: string; sourceRunId: string } | undefined>;
    /** Tells a logged model in its tag `mlflow.modelVersions` that it became a version. */
    noteVersion(
      workspace: string,
      modelId: string,
      version: { name: string; version: number },
    ): Promise<void>;
  };
  /** MLFLOW_CREATE_MODEL_VERSION_SOURCE_VALIDATION_REGEX: what every client's source must contain. */
  sourcePattern?: RegExp;
}
