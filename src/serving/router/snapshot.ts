import { readFile } from "node:fs/promises";
import type { VariantSpec } from "../backend.ts";
import { replaceFile } from "./replace-file.ts";
import type { RuleBookState } from "./rule-book.ts";

/** Everything the router needs to serve again at once after a restart, without asking anyone. */
export interface Snapshot extends RuleBookState {
  format: 1;
  variants: VariantSpec[];
  /** True when control has told all that there is; only where it says so, in a cluster. */
  isComplete?: boolean;
}

/** One file, replaced whole: flushed before it is renamed, and its folder after. */
export class SnapshotFile {
  readonly #path: string;
  readonly #gather: () => Omit<Snapshot, "format">;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  constructor(path: string, gather: () => Omit<Snapshot, "format">) {
    this.#path = path;
    this.#gather = gather;
  }

  static async load(path: string): Promise<Snapshot | undefined> {
    try {
      const snapshot = JSON.parse(await readFile(path, "utf8")) as Snapshot;
      if (snapshot.format !== 1) throw new Error(`${path} has format ${String(snapshot.format)}, 1 is known`);
      return snapshot;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
  }

  /** Resolves when the state at the time of the call, or a later one, is on the disk. */
  save(): Promise<void> {
    if (this.#running === undefined) return this.#start();
    // All who come while a write is under way share the next one.
    this.#next ??= this.#running
      .catch(() => undefined)
      .then(() => {
        this.#next = undefined;
        return this.#start();
      });
    return this.#next;
  }

  #start(): Promise<void> {
    const running = this.#write().finally(() => {
      if (this.#running === running) this.#running = undefined;
    });
    this.#running = running;
    return running;
  }

  async #write(): Promise<void> {
    const snapshot: Snapshot = { format: 1, ...this.#gather() };
    await replaceFile(this.#path, JSON.stringify(snapshot));
  }
}
