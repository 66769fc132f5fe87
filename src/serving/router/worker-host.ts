import type { ErrorBody } from "../../http/errors.ts";
import type { WorkerConfig } from "../worker/config.ts";

export interface LivingWorker {
  worker: WorkerConfig;
  pid: number;
  ready: boolean;
}

export interface WorkerExit {
  id: string;
  code: number | null;
  signal: string | null;
  /** What the worker said before it ended itself, such as why its model can't be loaded. */
  error?: ErrorBody;
}

export interface WorkerHostEvents {
  spawned(id: string, pid: number): void;
  /** The model is loaded and the worker's socket can be connected to. */
  ready(id: string): void;
  /** All workers of a process that ended, or one that left a process in which others live on. */
  exited(exits: readonly WorkerExit[]): void;
}

/**
 * Whoever starts and ends worker processes for the router; workers outlive the router. A worker whose process doesn't
 * live yet gets one that was made ready beforehand, when there is one.
 */
export interface WorkerHost {
  /** Workers that live already when the router starts. */
  readonly living: readonly LivingWorker[];
  spawn(worker: WorkerConfig): void;
  /**
   * `drain` lets it answer what it has; `kill` ends its process at once, with all workers in it. Ignored for an unknown
   * id.
   */
  end(id: string, how: "drain" | "kill", why?: string): void;
  /** One listener. */
  listen(events: WorkerHostEvents): void;
}
