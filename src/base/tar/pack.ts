import { createReadStream } from "node:fs";
import { lstat, readdir, readlink } from "node:fs/promises";
import { join } from "node:path";
import { BLOCK, headerOf, padding, type TarEntry } from "./header.ts";

/**
 * An archive of these paths below a folder with all that lies below them, in the order of their names, without owners:
 * the same content and times give the same bytes. A path that isn't there is left out; so is what is neither file,
 * folder nor symbolic link. Throws when a file changes its size meanwhile.
 */
export async function* packTar(root: string, paths: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const path of [...new Set(paths.map(plain))].sort()) yield* packed(root, path);
  yield new Uint8Array(2 * BLOCK);
}

async function* packed(root: string, path: string): AsyncGenerator<Uint8Array> {
  const full = join(root, path);
  const info = await lstat(full).catch(() => undefined);
  if (info === undefined) return;
  const common = { path, mode: info.mode, modified: Math.floor(info.mtimeMs / 1000) };
  if (info.isSymbolicLink())
    yield* headerOf({ ...common, type: "link", size: 0, target: await readlink(full) });
  else if (info.isFile()) yield* packedFile(full, { ...common, type: "file", size: info.size });
  else if (info.isDirectory()) {
    if (path !== "") yield* headerOf({ ...common, type: "folder", size: 0 });
    for (const name of (await readdir(full)).sort())
      yield* packed(root, path === "" ? name : `${path}/${name}`);
  }
}

async function* packedFile(full: string, entry: TarEntry): AsyncGenerator<Uint8Array> {
  yield* headerOf(entry);
  let left = entry.size;
  if (left > 0)
    for await (const chunk of createReadStream(full, { end: entry.size - 1 }) as AsyncIterable<Buffer>) {
      left -= chunk.length;
      yield new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length);
    }
  if (left !== 0) throw new Error(`${entry.path} changed while it was read`);
  yield padding(entry.size);
}

function plain(path: string): string {
  return path
    .replace(/^(?:\.\/)+/, "")
    .replace(/\/+$/, "")
    .replace(/^\.$/, "");
}
