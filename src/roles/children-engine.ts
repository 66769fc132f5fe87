import { availableParallelism } from "node:os";
import { createLocalEngine, type LocalEngine } from "../targets/local/engine/engine.ts";
import type { TargetDeps } from "./control-target.ts";

/** Pipelines whose steps are children of control. */
export function childrenEngine({ config, clock, ids, ledger }: TargetDeps): Promise<LocalEngine> {
  return createLocalEngine({
    dataDir: config.dataDir,
    clock,
    ids,
    stepEnv: config.stepEnv,
    cpus: availableParallelism(),
    platform: process.platform,
    pid: process.pid,
    ledger,
  });
}
