import { join } from "node:path";
import { createLocalServingBackend } from "../targets/local/serving-backend.ts";
import { childrenEngine } from "./children-engine.ts";
import { SOCKETS } from "./config.ts";
import type { ControlTarget, TargetDeps } from "./control-target.ts";

/** The processes of this machine: steps are control's children, models are served by the serve process. */
export async function openLocalTarget(deps: TargetDeps): Promise<ControlTarget> {
  return {
    name: "local",
    backend: createLocalServingBackend({ socketPath: join(deps.config.runDir, SOCKETS.serve) }),
    engine: await childrenEngine(deps),
  };
}
