import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";

/** Entries beyond which changes in a working folder aren't followed. */
const MAX_ENTRIES = 20_000;
/** What interpreters and installers write by themselves and every step can do without. */
const IGNORED = new Set([
  "__pycache__",
  "node_modules",
  ".git",
  ".venv",
  ".pytest_cache",
  ".ipynb_checkpoints",
  ".DS_Store",
]);

type Entries = Map<string, string>;

/** Follows what changes in a working folder, to find files that a step writes without declaring them. */
export class WorkScan {
  readonly #root: string;
  #known: Entries | undefined;

  constructor(root: string) {
    this.#root = root;
  }

  /** Takes what is there now as known. */
  async remember(): Promise<void> {
    this.#known = await scan(this.#root);
  }

  /** Paths written, changed or removed since the last call; undefined when there are too many to follow. */
  async changes(): Promise<string[] | undefined> {
    const before = this.#known;
    const now = await scan(this.#root);
    this.#known = now;
    if (before === undefined || now === undefined) return undefined;
    const changed = [...now].filter(([path, mark]) => before.get(path) !== mark).map(([path]) => path);
    for (const path of before.keys()) if (!now.has(path)) changed.push(path);
    return changed.sort();
  }
}

async function scan(root: string): Promise<Entries | undefined> {
  const entries: Entries = new Map();
  const folders = [""];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const entry of await readdir(join(root, folder), { withFileTypes: true }).catch(() => [])) {
      if (IGNORED.has(entry.name)) continue;
      const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory()) folders.push(path);
      else {
        // Change time too: a copy that preserves the modification time is a change all the same.
        const info = await lstat(join(root, path), { bigint: true }).catch(() => undefined);
        if (info) entries.set(path, `${info.mtimeNs}/${info.ctimeNs}/${info.size}/${info.ino}`);
      }
      if (entries.size > MAX_ENTRIES) return undefined;
    }
  }
  return entries;
}
