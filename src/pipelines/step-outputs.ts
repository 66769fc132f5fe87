import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { lstat, readdir, readlink } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";

/** One file of a declared output, below the working folder. */
export interface OutputFile {
  /** `/`-separated, relative to the working folder. */
  path: string;
  size: number;
  /** Of the content, or of the target of a symbolic link. */
  sha256: string;
}

/** Files of one step's outputs beyond which it isn't kept for reuse. */
const MAX_FILES = 50_000;

/** All files at or below the paths, with their content's hash; missing paths add nothing. */
export async function hashOutputs(root: string, paths: readonly string[]): Promise<OutputFile[]> {
  const files: OutputFile[] = [];
  for (const path of paths) await collect(root, path.replace(/^\.\//, "").replace(/\/+$/, ""), files);
  return files.sort((a, b) => (a.path < b.path ? -1 : 1));
}

async function collect(root: string, path: string, files: OutputFile[]): Promise<void> {
  const full = join(root, path);
  const info = await lstat(full).catch(() => undefined);
  if (info === undefined) return;
  if (files.length >= MAX_FILES) throw new Error(`more than ${MAX_FILES} files`);
  if (info.isDirectory()) {
    for (const name of (await readdir(full)).sort()) await collect(root, `${path}/${name}`, files);
  } else if (info.isSymbolicLink()) {
    const target = await readlink(full);
    files.push({
      path,
      size: target.length,
      sha256: createHash("sha256").update(`link:${target}`).digest("hex"),
    });
  } else if (info.isFile()) {
    files.push({ path, size: info.size, sha256: await hashFile(full) });
  }
}

async function hashFile(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}

/** True when exactly these files are there, unchanged. */
export async function sameOutputs(
  root: string,
  paths: readonly string[],
  expected: readonly OutputFile[],
): Promise<boolean> {
  const found = await hashOutputs(root, paths).catch(() => undefined);
  return (
    found?.length === expected.length &&
    found.every((file, index) => {
      const other = expected[index];
      return other?.path === file.path && other.sha256 === file.sha256;
    })
  );
}
