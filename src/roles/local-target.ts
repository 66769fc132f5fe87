import { availableParallelism } from "node:os";
import { join } from "node:path";
import { createLocalEngine } from "../targets/local/engine/engine.ts";
import { createLocalServingBackend } from "../targets/local/serving-backend.ts";
import { SOCKETS } from "./config.ts";
import type { ControlTarget, TargetDeps } from "./control-target.ts";

/** The processes of this machine: steps are control's children, models are served by the serve process. */
export async function openLocalTarget({ config, clock, ids, ledger }: TargetDeps): Promise<ControlTarget> {
  return {
    name: "local",
    backend: createLocalServingBackend({ socketPath: join(config.runDir, SOCKETS.serve) }),
    engine: await createLocalEngine({
      dataDir: config.dataDir,
      clock,
      ids,
      stepEnv: config.stepEnv,
      cpus: availableParallelism(),
      platform: process.platform,
      pid: process.pid,
      ledger,
    }),
  };
}
