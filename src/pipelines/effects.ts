import type { PipelineRunSpec } from "./engine.ts";

/**
 * What a step left outside of its working folder: JSON that its cache entry keeps. For our own tracking that is
 * what it logged; `undefined` when it left nothing.
 */
export type StepEffects = Record<string, unknown>;

/** Watches what steps do to the tracking run, so that a reused step can be given the same effects. */
export interface EffectLedger {
  /** Before each attempt of a step. */
  begin(spec: PipelineRunSpec, step: string): Promise<void>;
  /** After its last attempt: what it left, or why nobody can tell. */
  end(
    spec: PipelineRunSpec,
    step: string,
  ): Promise<{ effects: StepEffects | undefined } | { unsure: string }>;
  /** Repeats the effects for a reused step; answers why it can't (the step is then run). */
  replay(spec: PipelineRunSpec, step: string, effects: StepEffects): Promise<string | undefined>;
}
