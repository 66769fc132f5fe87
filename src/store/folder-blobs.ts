import { createHash, randomUUID } from "node:crypto";
import { constants } from "node:fs";
import {
  lstat,
  mkdir,
  open,
  opendir,
  readdir,
  realpath,
  rename,
  rm,
  type FileHandle,
} from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Readable } from "node:stream";
import { SlipwayError } from "../http/errors.ts";
import { checkBlobPath, foldName } from "./blob-path.ts";
import {
  MAX_CHILDREN,
  tooManyChildren,
  type BlobContent,
  type BlobInfo,
  type BlobStore,
  type ByteRange,
} from "./blobs.ts";

/** Holds files that are still being written, in the root so that the rename stays on one file system. */
const UPLOADS = ".uploads";

/**
 * A BlobStore in a folder of this machine, made when missing. Symbolic links below the root are never
 * followed. A file appears whole: it is written aside, flushed, renamed, and its folder flushed.
 */
export function createFolderBlobs(root: string): BlobStore {
  return new FolderBlobs(root);
}

class FolderBlobs implements BlobStore {
  /** Nobody but this process reaches the folder. */
  readonly direct = null;
  readonly #root: string;
  #ready: Promise<string> | undefined;

  constructor(root: string) {
    this.#root = root;
  }

  async put(
    path: string,
    body: Readable,
    options: { maxBytes?: number } = {},
  ): Promise<{ size: number; sha256: string }> {
    const root = await this.#prepare();
    const target = await this.#locate(path);
    if (path === "") throw notAFile(path);
    const temporary = join(root, UPLOADS, `${process.pid}-${randomUUID()}`);
    try {
      const written = await writeFlushed(temporary, body, options.maxBytes ?? Number.POSITIVE_INFINITY);
      await makeFolders(dirname(target));
      await rename(temporary, target);
      await flushFolder(dirname(target));
      return written;
    } catch (error) {
      await rm(temporary, { force: true });
      throw asBlobError(error, path);
    }
  }

  async get(path: string, range?: ByteRange): Promise<BlobContent> {
    const file = await this.#locate(path);
    let handle: FileHandle | undefined;
    try {
      handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
      const found = await handle.stat({ bigint: true });
      if (!found.isFile()) throw notFound(path);
      const size = Number(found.size);
      const part = range === undefined ? undefined : within(range, size, path);
      return {
        body: handle.createReadStream({ ...part, autoClose: true }),
        size,
        ...(part === undefined ? {} : { range: part }),
        // A file is replaced by renaming a new one, which has another inode.
        etag: `"${found.ino.toString(16)}-${found.size.toString(16)}-${found.mtimeNs.toString(16)}"`,
        modified: Number(found.mtimeMs),
      };
    } catch (error) {
      await handle?.close();
      throw isMissing(error) ? notFound(path) : asBlobError(error, path);
    }
  }

  async stat(path: string): Promise<BlobInfo | undefined> {
    const file = await this.#locate(path);
    try {
      const found = await lstat(file);
      if (!found.isFile() && !found.isDirectory()) return undefined;
      return { path, isDir: found.isDirectory(), size: found.isDirectory() ? 0 : found.size };
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw asBlobError(error, path);
    }
  }

  async list(path: string): Promise<BlobInfo[]> {
    const folder = await this.#locate(path);
    const found: BlobInfo[] = [];
    try {
      for await (const entry of await opendir(folder)) {
        if (found.length >= MAX_CHILDREN) throw tooManyChildren(path);
        if (path === "" && entry.name === UPLOADS) continue;
        const child = joined(path, entry.name);
        if (entry.isDirectory()) found.push({ path: child, isDir: true, size: 0 });
        else if (entry.isFile()) {
          const size = await sizeOf(join(folder, entry.name));
          if (size !== undefined) found.push({ path: child, isDir: false, size });
        }
      }
    } catch (error) {
      if (isMissing(error)) return [];
      throw asBlobError(error, path);
    }
    return found.sort((a, b) => (a.path < b.path ? -1 : 1));
  }

  async delete(path: string): Promise<void> {
    const target = await this.#locate(path);
    if (path === "") throw new SlipwayError("BLOB_PATH_REFUSED", "the store's root can't be deleted");
    try {
      await rm(target, { recursive: true, force: true });
      await flushFolder(dirname(target));
    } catch (error) {
      if (!isMissing(error)) throw asBlobError(error, path);
    }
  }

  async *walk(path: string): AsyncGenerator<BlobInfo> {
    const folder = await this.#locate(path);
    const waiting = [{ path, folder }];
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const { folder: here } = next;
      const entries = await opendir(here).catch((error: unknown) => {
        if (isMissing(error)) return [];
        throw asBlobError(error, path);
      });
      for await (const entry of entries) {
        if (next.path === "" && entry.name === UPLOADS) continue;
        const child = { path: joined(next.path, entry.name), folder: join(here, entry.name) };
        if (entry.isDirectory()) waiting.push(child);
        else if (entry.isFile()) {
          const size = await sizeOf(child.folder);
          if (size !== undefined) yield { path: child.path, isDir: false, size };
        }
      }
    }
  }

  /** Where a path lies on this machine; refused when a symbolic link is on the way to it. */
  async #locate(path: string): Promise<string> {
    checkBlobPath(path);
    const root = await this.#prepare();
    if (foldName(path.split("/", 1)[0] ?? "") === UPLOADS) throw notFound(path);
    const target = join(root, path);
    for (let folder = dirname(target); folder.length > root.length; folder = dirname(folder)) {
      try {
        if ((await realpath(folder)) !== folder) throw linked(path);
        break;
      } catch (error) {
        if (!isMissing(error)) throw asBlobError(error, path);
      }
    }
    return target;
  }

  #prepare(): Promise<string> {
    this.#ready ??= prepareRoot(this.#root).catch((error: unknown) => {
      this.#ready = undefined;
      throw asBlobError(error, "");
    });
    return this.#ready;
  }
}

/** Makes the root and removes what dead processes left half written. */
async function prepareRoot(root: string): Promise<string> {
  const uploads = join(root, UPLOADS);
  await mkdir(uploads, { recursive: true });
  for (const name of await readdir(uploads)) {
    if (!isAlive(Number.parseInt(name, 10))) await rm(join(uploads, name), { force: true });
  }
  return realpath(root);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

async function writeFlushed(
  file: string,
  body: Readable,
  maxBytes: number,
): Promise<{ size: number; sha256: string }> {
  const hash = createHash("sha256");
  let size = 0;
  const handle = await open(file, "wx", 0o644);
  try {
    // A body whose writing failed is left as it is: a destroyed one would block the connection that it came on.
    const chunks = body.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>;
    for await (const chunk of chunks) {
      size += chunk.length;
      if (size > maxBytes) {
        throw new SlipwayError("TOO_LARGE", "the file is too large", { allowed: `${maxBytes} bytes` });
      }
      hash.update(chunk);
      await handle.writeFile(chunk);
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
  return { size, sha256: hash.digest("hex") };
}

/** Like mkdir -p, but every new folder's entry is flushed as well. */
async function makeFolders(folder: string): Promise<void> {
  const first = await mkdir(folder, { recursive: true });
  if (first === undefined) return;
  for (let made = folder; made.length >= first.length; made = dirname(made)) await flushFolder(dirname(made));
}

async function flushFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function joined(folder: string, name: string): string {
  return folder === "" ? name : `${folder}/${name}`;
}

/** Undefined when it was removed meanwhile. */
async function sizeOf(file: string): Promise<number | undefined> {
  try {
    return (await lstat(file)).size;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** The part of a range that the file has. */
function within(range: ByteRange, size: number, path: string): { start: number; end: number } {
  const start = "last" in range ? Math.max(0, size - range.last) : range.start;
  const end = "last" in range ? size - 1 : Math.min(range.end ?? size - 1, size - 1);
  if (start <= end) return { start, end };
  throw new SlipwayError("RANGE_NOT_SATISFIABLE", "no byte of the file is in that range", {
    where: path,
    details: { size },
  });
}

function isMissing(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === "ENOENT" || code === "ENOTDIR";
}

function notFound(path: string): SlipwayError {
  return new SlipwayError("NOT_FOUND", `there is no ${path}`, { hint: "List the folder above it." });
}

function notAFile(path: string): SlipwayError {
  return new SlipwayError("INVALID_REQUEST", "a folder is in the way of the file", { given: path });
}

function linked(path: string): SlipwayError {
  return new SlipwayError("BLOB_PATH_REFUSED", "the path leads through a symbolic link", { given: path });
}

function asBlobError(error: unknown, path: string): SlipwayError {
  if (error instanceof SlipwayError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  switch (code) {
    case "ENOENT":
      return notFound(path);
    case "ELOOP":
      return linked(path);
    case "ENOSPC":
    case "EDQUOT":
      return new SlipwayError("STORE_FULL", "no room for the file", { cause: error });
    case "ENOTDIR":
    case "EEXIST":
    case "EISDIR":
    case "ENOTEMPTY":
      return notAFile(path);
    case "ERR_STREAM_PREMATURE_CLOSE":
    case "ECONNRESET":
      return new SlipwayError("INVALID_REQUEST", "the body ended too early", { cause: error });
    default:
      return new SlipwayError("STORE_FAILED", message, { cause: error });
  }
}
