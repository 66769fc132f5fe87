import type { ProcessFigures } from "../monitoring/process-metrics.ts";
import type { RequestCount } from "./router/request-counts.ts";
import type { RunFigures } from "./router/run-meter.ts";
import type { WorkerEnd } from "./router/worker-slot.ts";

/** What the serve process counts for people who operate it; no test of a rollout is made by it. */
export interface ServingFigures {
  process: ProcessFigures;
  requests: RequestCount[];
  services: { name: string; isReady: boolean }[];
  variants: VariantFigures[];
  /** undefined: tracing is off. */
  spans?: { exported: number; dropped: number };
}

export interface VariantFigures {
  service: string;
  version: number;
  runs: RunFigures;
  /** Workers that ended though nobody asked for it. */
  ends: Partial<Record<WorkerEnd, number>>;
}
