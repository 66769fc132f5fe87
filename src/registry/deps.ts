import type { Clock } from "../base/clock.ts";
import type { Database } from "../store/database.ts";

/** What the registry is given. */
export interface RegistryDeps {
  db: Database;
  clock: Clock;
  /** Of tracking runs and logged models, to resolve `runs:/` and `models:/m-` sources. */
  artifactUris: {
    ofRun(workspace: string, runId: string): Promise<string | undefined>;
    ofLoggedModel(workspace: string, modelId: string): Promise<string | undefined>;
  };
}
