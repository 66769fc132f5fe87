import type { MirrorDeps } from "./deps.ts";
import { packPath, packsPath } from "./paths.ts";
import type { RepositoryMirror } from "./repository-mirror.ts";

/** Packs of one repository beyond which some are put together: a restore asks the store for each. */
const MAX_PACKS = 24;
/** Of those that stay as they are then. */
const MAX_KEPT = 8;

/**
 * The first pack that is to be put together with all after it; undefined while there are few. Those are taken that are
 * small beside what follows them, so that over a repository's life each byte is sent again a few times only.
 */
export function compactFrom(packs: readonly { bytes: number }[]): number | undefined {
  if (packs.length <= MAX_PACKS) return undefined;
  let first = packs.length;
  let sum = 0;
  for (; first > 0; first--) {
    const { bytes } = packs[first - 1] ?? { bytes: 0 };
    if (sum > 0 && bytes >= 2 * sum) break;
    sum += bytes;
  }
  return Math.min(first, MAX_KEPT);
}

/** Puts packs together where there are many. Answers whether it did. */
export async function compact(mirror: RepositoryMirror): Promise<boolean> {
  const first = compactFrom(mirror.manifest?.packs ?? []);
  return first !== undefined && (await mirror.compact(first)).length > 0;
}

/**
 * Removes packs that no manifest names: those of refused pushes, of killed processes, and those put together. Of other
 * leaders' only earlier ones': a later one may be about to name what it has just sent.
 */
export async function collect(deps: MirrorDeps, mirror: RepositoryMirror, epoch: number): Promise<number> {
  // While a write's end is unknown the manifest may name what this process believes to be loose.
  await mirror.settle();
  const found = await deps.blobs.list(packsPath(mirror.name));
  const named = new Set((mirror.manifest?.packs ?? []).map(({ name }) => name));
  const loose = found
    .map(({ path }) => path.slice(path.lastIndexOf("/") + 1).replace(/\.pack$/, ""))
    .filter((name) => Number.parseInt(name, 10) <= epoch && !named.has(name) && mirror.isLoose(name));
  if (loose.length === 0) return 0;
  // Only the process that may write the manifest knows what it names.
  await mirror.check();
  for (const name of loose) await deps.blobs.delete(packPath(mirror.name, name));
  return loose.length;
}
