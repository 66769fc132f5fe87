import { lstat, readFile, readdir, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";

/**
 * Written last: a folder without it is half built. (Python's environments can't be moved, so none is renamed.) Its
 * time of change is when the environment was last used.
 */
export const MARKER = ".complete";
const SIZE_FILE = ".bytes";
/** Workers say hourly that they use theirs, and hardly any step of a pipeline takes longer. */
const IN_USE_MS = 24 * 3_600_000;

/** Says that an environment is in use now. */
export async function markUsed(folder: string, now: number): Promise<void> {
  await utimes(join(folder, MARKER), now / 1000, now / 1000);
}

/** Removes environments that were used longest ago, until the rest has at most `maxBytes`; none of the last 24 hours. */
export async function trimEnvironments(root: string, maxBytes: number, now: number): Promise<void> {
  const found: { folder: string; bytes: number; usedAt: number }[] = [];
  for (const name of await readdir(root)) {
    const folder = join(root, name);
    const marker = await stat(join(folder, MARKER)).catch(() => undefined);
    if (marker !== undefined) found.push({ folder, bytes: await bytesOf(folder), usedAt: marker.mtimeMs });
  }
  let total = found.reduce((sum, { bytes }) => sum + bytes, 0);
  for (const { folder, bytes, usedAt } of found.sort((a, b) => a.usedAt - b.usedAt)) {
    if (total <= maxBytes || now - usedAt < IN_USE_MS) return;
    // Without its marker first: half removed it is as good as half built.
    await rm(join(folder, MARKER), { force: true });
    await rm(folder, { recursive: true, force: true });
    total -= bytes;
  }
}

/** Bytes of all that is in it, counted once. */
async function bytesOf(folder: string): Promise<number> {
  const known = Number(await readFile(join(folder, SIZE_FILE), "utf8").catch(() => "NaN"));
  if (Number.isFinite(known)) return known;
  let bytes = 0;
  for (const name of await readdir(folder, { recursive: true }))
    bytes += (await lstat(join(folder, name))).size;
  await writeFile(join(folder, SIZE_FILE), String(bytes));
  return bytes;
}
