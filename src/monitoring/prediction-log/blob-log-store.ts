import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { SlipwayError } from "../../http/errors.ts";
import type { BlobStore } from "../../store/blobs.ts";
import { parseLogFile } from "./log-files.ts";
import type { LogFile } from "./log-files.ts";
import { folderLogStore } from "./log-store.ts";
import type { LogStore } from "./log-store.ts";

export interface BlobLogStoreOptions {
  blobs: BlobStore;
  /** Folder of the files in the store. */
  root: string;
  /** Folder of this machine for copies of those that were read or made last; emptied at the start. */
  cache: string;
  /** Of all copies, in bytes. Default: 256 MiB. */
  cacheBytes?: number;
}

const CACHE_BYTES = 2 ** 28;

/**
 * Files in the object store, so that whoever leads finds them all. What there is is listed once: files are made and removed
 * by the one process that leads, and by way of this.
 */
export class BlobLogStore implements LogStore {
  readonly #blobs: BlobStore;
  readonly #root: string;
  readonly #cache: string;
  readonly #cacheBytes: number;
  #index: Promise<Map<string, Map<string, LogFile>>> | undefined;
  /** Copies by their path, the one used last at the end: their bytes. */
  readonly #copies = new Map<string, number>();
  #fetches = 0;
  #opened: Promise<void> | undefined;

  constructor({ blobs, root, cache, cacheBytes = CACHE_BYTES }: BlobLogStoreOptions) {
    this.#blobs = blobs;
    this.#root = root;
    this.#cache = cache;
    this.#cacheBytes = cacheBytes;
  }

  /** Once, before the first copy: what a former process copied isn't known any more. */
  open(): Promise<void> {
    this.#opened ??= this.#empty().catch((error: unknown) => {
      this.#opened = undefined;
      throw error;
    });
    return this.#opened;
  }

  async folders(): Promise<string[]> {
    const index = await this.#known();
    return [...index.keys()].filter((folder) => (index.get(folder)?.size ?? 0) > 0).sort();
  }

  async files(folder: string): Promise<LogFile[]> {
    const files = [...((await this.#known()).get(folder)?.values() ?? [])];
    return files.sort((a, b) => a.from - b.from || a.name.localeCompare(b.name));
  }

  async path(folder: string, name: string): Promise<string | undefined> {
    const file = (await this.#known()).get(folder)?.get(name);
    if (file === undefined) return undefined;
    const path = join(this.#cache, folder, name);
    if (!this.#copies.has(path) && !(await this.#fetch(folder, name, path))) return undefined;
    await this.#use(path, file.bytes);
    return path;
  }

  async remove(folder: string, name: string): Promise<void> {
    await this.#blobs.delete(this.#blobOf(folder, name));
    (await this.#known()).get(folder)?.delete(name);
    const path = join(this.#cache, folder, name);
    this.#copies.delete(path);
    await rm(path, { force: true });
  }

  /** Keeps all files below a folder of this machine, which are gone from there when it resolves. */
  async keepAll(from: string): Promise<void> {
    const made = folderLogStore(from);
    for (const folder of await made.folders())
      for (const file of await made.files(folder)) {
        const path = join(from, folder, file.name);
        await this.#blobs.put(this.#blobOf(folder, file.name), createReadStream(path));
        this.#add(await this.#known(), folder, file);
        await this.#take(path, join(this.#cache, folder, file.name), file.bytes);
      }
  }

  async #empty(): Promise<void> {
    await rm(this.#cache, { recursive: true, force: true });
    await mkdir(this.#cache, { recursive: true, mode: 0o700 });
  }

  /** An error isn't kept: the next one who asks tries again. */
  #known(): Promise<Map<string, Map<string, LogFile>>> {
    this.#index ??= this.#list().catch((error: unknown) => {
      this.#index = undefined;
      throw error;
    });
    return this.#index;
  }

  async #list(): Promise<Map<string, Map<string, LogFile>>> {
    const index = new Map<string, Map<string, LogFile>>();
    for await (const { path, isDir, size } of this.#blobs.walk(this.#root)) {
      const [folder = "", ...rest] = path.slice(this.#root.length + 1).split("/");
      const parsed = isDir ? undefined : parseLogFile(rest.join("/"));
      if (parsed !== undefined) this.#add(index, folder.replaceAll("=", "%"), { ...parsed, bytes: size });
    }
    return index;
  }

  #add(index: Map<string, Map<string, LogFile>>, folder: string, file: LogFile): void {
    const files = index.get(folder) ?? new Map<string, LogFile>();
    index.set(folder, files.set(file.name, file));
  }

  /** False when it isn't there any more. */
  async #fetch(folder: string, name: string, path: string): Promise<boolean> {
    await this.open();
    const temporary = join(this.#cache, `.fetching-${(this.#fetches += 1)}`);
    try {
      const { body } = await this.#blobs.get(this.#blobOf(folder, name));
      await pipeline(body, createWriteStream(temporary, { mode: 0o600 }));
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      await rename(temporary, path);
      return true;
    } catch (error) {
      await rm(temporary, { force: true });
      if (!(error instanceof SlipwayError) || error.code !== "NOT_FOUND") throw error;
      (await this.#known()).get(folder)?.delete(name);
      return false;
    }
  }

  async #take(from: string, path: string, bytes: number): Promise<void> {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await rename(from, path);
    await this.#use(path, bytes);
  }

  /** Copies that weren't used for longest go. */
  async #use(path: string, bytes: number): Promise<void> {
    this.#copies.delete(path);
    this.#copies.set(path, bytes);
    let room = this.#cacheBytes;
    for (const one of this.#copies.values()) room -= one;
    for (const [oldest, size] of this.#copies) {
      if (room >= 0 || oldest === path) return;
      room += size;
      this.#copies.delete(oldest);
      await rm(oldest, { force: true });
    }
  }

  /** A service's folder may have percent signs, which the store's paths don't take everywhere. */
  #blobOf(folder: string, name: string): string {
    return `${this.#root}/${folder.replaceAll("%", "=")}/${name}`;
  }
}
