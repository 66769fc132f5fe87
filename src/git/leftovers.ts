import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../base/clock.ts";

/**
 * Git holds a reference's lock for milliseconds. One that is older than this was left by a process that was
 * killed, and would refuse every later push.
 */
const LOCK_AGE_MS = 10_000;
/** Longer than any push may take. */
const QUARANTINE_AGE_MS = 24 * 3600_000;

/** Removes lock files of killed processes from a bare repository. Answers their paths. */
export async function removeStaleLocks(repository: string, clock: Clock): Promise<string[]> {
  const found: string[] = [];
  for (const name of await names(repository)) {
    if (name.endsWith(".lock")) found.push(join(repository, name));
  }
  await collectLocks(join(repository, "refs"), found);
  return removeOlder(found, clock.now() - LOCK_AGE_MS);
}

/** Removes objects of pushes that were killed before they were accepted. */
export async function removeStaleQuarantines(repository: string, clock: Clock): Promise<string[]> {
  const objects = join(repository, "objects");
  const found = (await names(objects))
    .filter((name) => name.startsWith("tmp_objdir-") || name.startsWith("incoming-"))
    .map((name) => join(objects, name));
  for (const name of await names(join(objects, "pack"))) {
    if (name.startsWith("tmp_")) found.push(join(objects, "pack", name));
  }
  return removeOlder(found, clock.now() - QUARANTINE_AGE_MS);
}

async function collectLocks(folder: string, found: string[]): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await collectLocks(path, found);
    else if (entry.name.endsWith(".lock")) found.push(path);
  }
}

async function removeOlder(paths: readonly string[], than: number): Promise<string[]> {
  const removed: string[] = [];
  for (const path of paths) {
    const info = await stat(path).catch(() => undefined);
    if (info === undefined || info.mtimeMs >= than) continue;
    await rm(path, { recursive: true, force: true });
    removed.push(path);
  }
  return removed;
}

async function names(folder: string): Promise<string[]> {
  return readdir(folder).catch(() => []);
}
