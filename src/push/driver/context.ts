import type { ImportContext } from "../../import/driver/context.ts";
import type { MlflowSource } from "../../import/driver/mlflow-source.ts";
import type { ProjectExport } from "../wire.ts";
import type { Conflicts } from "./conflicts.ts";
import type { Peer } from "./peer.ts";
import type { Scope } from "./scope.ts";

/** What every part of a push works with. */
export interface PushContext {
  from: Peer;
  to: Peer;
  /** MLflow's API of both. */
  source: MlflowSource;
  target: MlflowSource;
  about: ProjectExport;
  /** `slipway:<platform>/<tenant>` of where things come from. */
  sourceName: string;
  scope: Scope;
  import: ImportContext;
  conflicts: Conflicts;
}
