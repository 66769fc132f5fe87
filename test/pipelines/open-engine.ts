import { systemClock } from "../../src/base/clock.ts";
import { systemIds } from "../../src/base/ids.ts";
import {
  createLocalEngine,
  type LocalEngine,
  type LocalEngineDeps,
} from "../../src/targets/local/engine/engine.ts";
import { stepEnv } from "./support.ts";

/** A local engine over a folder, with a short grace. */
export function openEngine(dataDir: string, more: Partial<LocalEngineDeps> = {}): Promise<LocalEngine> {
  return createLocalEngine({
    dataDir,
    clock: systemClock,
    ids: systemIds(Date.now),
    stepEnv: stepEnv(),
    cpus: 4,
    platform: process.platform,
    pid: process.pid,
    ...more,
    limits: { graceMs: 200, ...more.limits },
  });
}
