import type { Clock } from "../../../base/clock.ts";
import type { Ids } from "../../../base/ids.ts";
import type { EffectLedger } from "../../../pipelines/effects.ts";
import type { StepEnvironments } from "../../../pipelines/environments.ts";
import type { Commit } from "../../../pipelines/checkout.ts";
import type { PipelineRunSpec } from "../../../pipelines/engine.ts";
import type { StepCache } from "../../../pipelines/step-cache.ts";
import type { CpuSlots } from "./cpu-slots.ts";
import type { MemoryWatch } from "./memory-watch.ts";
import type { ProcessTable } from "./process-table.ts";

/** What all pipeline runs of one engine share. */
export interface EngineContext {
  clock: Clock;
  table: ProcessTable;
  slots: CpuSlots;
  memory: MemoryWatch;
  cache: StepCache;
  environments: StepEnvironments;
  ledger: EffectLedger | undefined;
  /** What a pipeline run's commit holds. */
  commitOf: (spec: PipelineRunSpec) => Promise<Commit>;
  /** Variables that every step may see, such as PATH. */
  stepEnv: Record<string, string>;
  /** Bytes of one step's log. */
  maxLogBytes: number;
  /** Between SIGTERM and SIGKILL, in milliseconds. */
  graceMs: number;
  /** What the values of SLIPWAY_STEP_TOKEN begin with for a pipeline run of this data folder. */
  tokenOf: (pipelineRunId: string) => string;
  ids: Ids;
}
