import { constants } from "node:fs";
import { cp, lstat, mkdir, readFile, readdir, rename, rm, utimes, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { CacheEntry, LastKept, StepCache } from "../../../pipelines/step-cache.ts";
import { sameOutputs } from "../../../pipelines/step-outputs.ts";

/**
 * Outputs of steps by cache key below `<root>/<key>/`: `meta.json` and `outputs/`. An entry appears by rename, so
 * it is there whole or not at all; its hashes are checked again after copying, so that one torn by a power
 * cut is never used. Least recently used ones go when the limit is passed.
 */
export class FolderStepCache implements StepCache {
  readonly #root: string;
  readonly #maxBytes: number;
  readonly #now: () => number;
  #serial: Promise<unknown> = Promise.resolve();

  constructor(root: string, maxBytes: number, now: () => number) {
    this.#root = root;
    this.#maxBytes = maxBytes;
    this.#now = now;
  }

  async find(key: string): Promise<CacheEntry | undefined> {
    const text = await readFile(join(this.#root, key, "meta.json"), "utf8").catch(() => undefined);
    if (text === undefined) return undefined;
    try {
      return JSON.parse(text) as CacheEntry;
    } catch {
      await rm(join(this.#root, key), { recursive: true, force: true });
      return undefined;
    }
  }

  restore(key: string, entry: CacheEntry, declared: readonly string[], workDir: string): Promise<boolean> {
    return this.#alone(async () => {
      const from = join(this.#root, key, "outputs");
      try {
        for (const path of declared) await copy(join(from, path), join(workDir, path));
        if (await sameOutputs(workDir, declared, entry.outputs)) {
          const now = new Date(this.#now());
          await utimes(join(this.#root, key), now, now).catch(() => {});
          return true;
        }
      } catch {
        // Treated like any other entry that isn't whole.
      }
      for (const path of declared) await rm(join(workDir, path), { recursive: true, force: true });
      await rm(join(this.#root, key), { recursive: true, force: true });
      return false;
    });
  }

  store(
    key: string,
    entry: CacheEntry,
    declared: readonly string[],
    workDir: string,
  ): Promise<string | undefined> {
    if (entry.size > this.#maxBytes)
      return Promise.resolve(`its outputs have ${entry.size} bytes, more than the cache holds`);
    return this.#alone(async () => {
      const temporary = join(this.#root, `.tmp-${key.slice(0, 16)}`);
      await rm(temporary, { recursive: true, force: true });
      await mkdir(join(temporary, "outputs"), { recursive: true });
      for (const path of declared) await copy(join(workDir, path), join(temporary, "outputs", path));
      await writeFile(join(temporary, "meta.json"), JSON.stringify(entry));
      await rm(join(this.#root, key), { recursive: true, force: true });
      await rename(temporary, join(this.#root, key));
      await this.#evict(key);
      return undefined;
    });
  }

  async last(project: string, step: string): Promise<LastKept | undefined> {
    const text = await readFile(this.#lastFile(project, step), "utf8").catch(() => undefined);
    try {
      return text === undefined ? undefined : (JSON.parse(text) as LastKept);
    } catch {
      return undefined;
    }
  }

  async setLast(project: string, step: string, last: LastKept): Promise<void> {
    const file = this.#lastFile(project, step);
    if ("notKept" in last) {
      const known = await this.last(project, step);
      if (known && "notKept" in known && known.notKept === last.notKept) return;
    }
    await mkdir(dirname(file), { recursive: true });
    await writeFile(`${file}.tmp`, JSON.stringify(last));
    await rename(`${file}.tmp`, file);
  }

  #lastFile(project: string, step: string): string {
    return join(this.#root, ".last", encodeURIComponent(project), `${encodeURIComponent(step)}.json`);
  }

  async #evict(keep: string): Promise<void> {
    const entries: { key: string; size: number; usedAt: number }[] = [];
    for (const key of await readdir(this.#root)) {
      if (key.startsWith(".")) continue;
      const [info, entry] = await Promise.all([lstat(join(this.#root, key)), this.find(key)]);
      // Small entries cost a block or two as well; without this a million empty ones would count as nothing.
      if (entry) entries.push({ key, size: entry.size + 4096, usedAt: info.mtimeMs });
    }
    let total = entries.reduce((sum, entry) => sum + entry.size, 0);
    for (const entry of entries.sort((a, b) => a.usedAt - b.usedAt)) {
      if (total <= this.#maxBytes) return;
      if (entry.key === keep) continue;
      await rm(join(this.#root, entry.key), { recursive: true, force: true });
      total -= entry.size;
    }
  }

  /** One at a time: nothing is evicted while it is copied. */
  #alone<T>(action: () => Promise<T>): Promise<T> {
    const result = this.#serial.then(action);
    this.#serial = result.catch(() => {});
    return result;
  }
}

/** A copy that shares blocks with its source where the file system can. */
async function copy(from: string, to: string): Promise<void> {
  await rm(to, { recursive: true, force: true });
  await mkdir(dirname(to), { recursive: true });
  await cp(from, to, {
    recursive: true,
    verbatimSymlinks: true,
    preserveTimestamps: true,
    mode: constants.COPYFILE_FICLONE,
  });
}
