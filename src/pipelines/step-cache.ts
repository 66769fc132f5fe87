import type { KeyParts } from "./cache-key.ts";
import type { StepEffects } from "./effects.ts";
import type { OutputFile } from "./step-outputs.ts";

/** What is kept beside the outputs of a step. */
export interface CacheEntry {
  /** Pipeline run that did the work. */
  origin: string;
  createdAt: number;
  outputs: OutputFile[];
  effects?: StepEffects;
  /** Bytes of all outputs. */
  size: number;
}

/** What is known of the last time a step was run: its key's parts, or why nothing was kept. */
export type LastKept = { parts: KeyParts } | { notKept: string };

/** Outputs of steps by cache key: in a folder, or with a platform elsewhere. */
export interface StepCache {
  find(key: string): Promise<CacheEntry | undefined>;
  /** Copies an entry's outputs into the working folder; false (and the entry is gone) when they aren't what was kept. */
  restore(key: string, entry: CacheEntry, declared: readonly string[], workDir: string): Promise<boolean>;
  /** Keeps a step's outputs; answers why not when they are larger than the whole cache may be. */
  store(
    key: string,
    entry: CacheEntry,
    declared: readonly string[],
    workDir: string,
  ): Promise<string | undefined>;
  /** What the last run of a project's step left, for saying why it isn't reused. */
  last(project: string, step: string): Promise<LastKept | undefined>;
  setLast(project: string, step: string, last: LastKept): Promise<void>;
}
