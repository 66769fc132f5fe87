import { open, readFile, rename } from "node:fs/promises";
import type { StepStatus, PipelineRunStatus } from "../../../pipelines/engine.ts";
import type { StepEffects } from "../../../pipelines/effects.ts";
import { SlipwayError } from "../../../http/errors.ts";
import type { OutputFile } from "../../../pipelines/step-outputs.ts";
import type { ProcessRecord } from "./process-group.ts";

export interface StepRecord extends StepStatus {
  /** Attempts that failed by themselves. */
  failures: number;
  /** True once the end of the platform ended an attempt of it. */
  interrupted?: boolean;
  /** Process groups that belong to it and may be alive: its own, or an installer's. */
  processes: ProcessRecord[];
  /** What it wrote of its declared outputs. */
  outputs?: OutputFile[];
  /** Stands for what it logged, in the keys of steps that need it. */
  effects?: { origin: string; effects: StepEffects };
  /** Why steps that need it can't be reused. */
  opaque?: string;
}

/** `state.json` of a pipeline run: all that must be known to go on after kill -9. No variables: they hold secrets. */
export interface RunRecord {
  id: string;
  commit: string;
  checkedOut: boolean;
  cancelled: boolean;
  state: PipelineRunStatus["state"];
  steps: StepRecord[];
}

/**
 * Writes the record durably: temporary file, fsync, rename. Calls while a write is under way share the next one, so
 * that a hundred steps that start together cost two writes and not a hundred. (The folder itself isn't
 * flushed: a power cut may bring the former record back, and with it a step is done once more.)
 */
export class StateFile {
  readonly #path: string;
  readonly #record: RunRecord;
  #writing: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;

  constructor(path: string, record: RunRecord) {
    this.#path = path;
    this.#record = record;
  }

  /** Resolves when the record as it is now, or newer, is on disk. */
  save(): Promise<void> {
    if (this.#next === undefined) {
      const next = this.#writing.then(() => {
        this.#next = undefined;
        return this.#write();
      });
      this.#next = next;
      this.#writing = next.catch(() => {});
    }
    return this.#next;
  }

  async #write(): Promise<void> {
    try {
      await this.#replace();
    } catch (error) {
      throw new SlipwayError("STEP_NOT_STARTED", `can't write ${this.#path}: ${(error as Error).message}`, {
        hint: "Make room on the disk that holds the data folder, then run the pipeline again.",
        cause: error,
      });
    }
  }

  async #replace(): Promise<void> {
    const temporary = `${this.#path}.tmp`;
    const file = await open(temporary, "w", 0o600);
    try {
      await file.writeFile(JSON.stringify(this.#record));
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, this.#path);
  }
}

/** The record on disk, or undefined when there is none. */
export async function readRecord(path: string): Promise<RunRecord | undefined> {
  const text = await readFile(path, "utf8").catch(() => undefined);
  return text === undefined ? undefined : (JSON.parse(text) as RunRecord);
}
