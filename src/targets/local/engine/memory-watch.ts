import type { ProcessTable } from "./process-table.ts";

const INTERVAL_MS = 200;

/**
 * Watches the memory of process groups that have a limit. Looking five times a second works without rights
 * and on every system, but a step can be above its limit for that long before it is ended.
 */
export class MemoryWatch {
  readonly #table: ProcessTable;
  readonly #watched = new Map<number, { limit: number; over: (used: number) => void }>();
  #timer: NodeJS.Timeout | undefined;

  constructor(table: ProcessTable) {
    this.#table = table;
  }

  /** Calls `over` once with the bytes in use when the group uses more than `limit`; returns the end of watching. */
  watch(group: number, limit: number, over: (used: number) => void): () => void {
    this.#watched.set(group, { limit, over });
    this.#schedule();
    return () => {
      this.#watched.delete(group);
      if (this.#watched.size > 0) return;
      clearTimeout(this.#timer);
      this.#timer = undefined;
    };
  }

  #schedule(): void {
    this.#timer ??= setTimeout(() => {
      void this.#look().finally(() => {
        this.#timer = undefined;
        if (this.#watched.size > 0) this.#schedule();
      });
    }, INTERVAL_MS);
  }

  async #look(): Promise<void> {
    for (const [group, { limit, over }] of Array.from(this.#watched)) {
      const used = await this.#table.memory(group, limit).catch(() => 0);
      if (used <= limit || !this.#watched.delete(group)) continue;
      over(used);
    }
  }
}
