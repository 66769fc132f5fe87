import type { VariantSpec } from "../serving/backend.ts";
import type { Compile } from "../serving/model-store.ts";
import type { ServingSpec } from "../spec/project.ts";

export type VariantSettings = Pick<VariantSpec, "workers" | "scale" | "memoryBytes" | "cpu" | "limits">;

/** Whether the project wants its models compiled, where that is proven to change no answer. */
export function compileOf({ compile = "auto" }: ServingSpec): Compile {
  return compile;
}

const TARGET_CONCURRENCY = 4;
const IDLE_MS = 10 * 60_000;

/** How a project's file says that a variant is served; a service that an older version stored says less. */
export function variantSettings({ scale, limits, resources }: ServingSpec): VariantSettings {
  const { min, max = Math.max(1, min), target, idle = IDLE_MS } = scale;
  const { cpu, memory } = resources ?? {};
  const varies = min === 0 || max > min;
  return {
    workers: min,
    ...(varies && { scale: { max, concurrency: target?.concurrency ?? TARGET_CONCURRENCY, idleMs: idle } }),
    ...(cpu !== undefined && { cpu }),
    ...(memory !== undefined && { memoryBytes: memory }),
    ...(limits !== undefined && { limits }),
  };
}
