import { lstat, mkdir, open, rm, symlink, utimes } from "node:fs/promises";
import { dirname, join } from "node:path";
import { BLOCK, checksum, type TarEntry } from "./header.ts";

export interface UnpackLimits {
  /** Of all files together. */
  bytes: number;
  entries: number;
}

/** Of a pax header: a path or two. */
const MAX_PAX_BYTES = 64 * 1024;

/**
 * Writes an archive's files, folders and symbolic links below a folder, over what is there. Nothing gets out of it: names
 * are relative without `..`, and no entry is written through a symbolic link. Throws on anything else, on an archive
 * that ends too soon, and beyond the limits; what was written until then stays.
 */
export async function unpackTar(
  archive: AsyncIterable<Uint8Array>,
  root: string,
  limits: UnpackLimits,
): Promise<void> {
  const input = new Blocks(archive);
  let pax: Record<string, string> = {};
  let bytes = 0;
  for (let entries = 0; ;) {
    const header = await input.block();
    if (header.every((byte) => byte === 0)) return;
    const { type, size, entry } = read(header, pax);
    if (type === "x") {
      if (size > MAX_PAX_BYTES) throw new Error("the archive has a header that is too long");
      pax = paxRecords(await input.text(size));
      continue;
    }
    pax = {};
    if (entry === undefined) throw new Error(`the archive has an entry of the unknown type ${type}`);
    bytes += entry.size;
    if (++entries > limits.entries) throw new Error(`the archive has more than ${limits.entries} entries`);
    if (bytes > limits.bytes) throw new Error(`the archive has more than ${limits.bytes} bytes`);
    await write(root, entry, input);
  }
}

async function write(root: string, entry: TarEntry, input: Blocks): Promise<void> {
  const path = join(root, checkedPath(entry.path));
  await makeFolders(root, dirname(entry.path));
  if (entry.type === "folder") return makeFolders(root, entry.path);
  await rm(path, { recursive: true, force: true });
  if (entry.type === "link") return symlink(entry.target ?? "", path);
  const file = await open(path, "wx", entry.mode & 0o777);
  try {
    for await (const chunk of input.content(entry.size)) await file.writeFile(chunk);
    // The process's mask took bits away that the file had.
    await file.chmod(entry.mode & 0o777);
  } finally {
    await file.close();
  }
  await utimes(path, entry.modified, entry.modified);
}

function checkedPath(path: string): string {
  const parts = path.split("/");
  if (
    path === "" ||
    path.startsWith("/") ||
    path.includes("\0") ||
    parts.includes("..") ||
    parts.includes("")
  )
    throw new Error(`the archive has an entry that leads out of its folder: ${path.slice(0, 200)}`);
  return path;
}

/** Each folder on the way is one, and no link to one. */
async function makeFolders(root: string, path: string): Promise<void> {
  if (path === "." || path === "") return;
  let at = root;
  for (const part of checkedPath(path).split("/")) {
    at = join(at, part);
    const info = await lstat(at).catch(() => undefined);
    if (info?.isDirectory()) continue;
    if (info !== undefined) await rm(at, { recursive: true, force: true });
    await mkdir(at);
  }
}

function read(
  header: Buffer,
  pax: Record<string, string>,
): { type: string; size: number; entry: TarEntry | undefined } {
  if (checksum(header) !== octal(header, 148, 8)) throw new Error("the archive is damaged");
  const type = String.fromCharCode(header[156] ?? 0);
  const size = Number(pax["size"] ?? octal(header, 124, 12));
  const kind = ({ "0": "file", "\0": "file", "5": "folder", "2": "link" } as const)[type];
  if (kind === undefined) return { type, size, entry: undefined };
  const path = (pax["path"] ?? text(header, 0, 100)).replace(/\/$/, "");
  const common = { path, mode: octal(header, 100, 8), modified: octal(header, 136, 12) };
  if (kind !== "file") {
    const target = pax["linkpath"] ?? text(header, 157, 100);
    return {
      type,
      size: 0,
      entry: { ...common, type: kind, size: 0, ...(kind === "link" ? { target } : {}) },
    };
  }
  return { type, size, entry: { ...common, type: "file", size } };
}

function text(header: Buffer, from: number, length: number): string {
  const end = header.indexOf(0, from);
  return header.toString("utf8", from, end === -1 || end > from + length ? from + length : end);
}

function octal(header: Buffer, from: number, length: number): number {
  const digits = text(header, from, length).trim();
  if (!/^[0-7]*$/.test(digits)) throw new Error("the archive is damaged");
  return digits === "" ? 0 : Number.parseInt(digits, 8);
}

function paxRecords(all: Buffer): Record<string, string> {
  const found: Record<string, string> = {};
  for (let at = 0; at < all.length;) {
    const blank = all.indexOf(32, at);
    const length = Number(all.toString("latin1", at, blank));
    if (blank === -1 || !Number.isInteger(length) || length <= blank - at || at + length > all.length)
      throw new Error("the archive is damaged");
    const record = all.toString("utf8", blank + 1, at + length - 1);
    const equals = record.indexOf("=");
    found[record.slice(0, equals)] = record.slice(equals + 1);
    at += length;
  }
  return found;
}

/** The archive's bytes in pieces of the sizes that are asked for. */
class Blocks {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(archive: AsyncIterable<Uint8Array>) {
    this.#chunks = archive[Symbol.asyncIterator]();
  }

  async block(): Promise<Buffer> {
    return this.#take(BLOCK);
  }

  async text(size: number): Promise<Buffer> {
    return (await this.#take(Math.ceil(size / BLOCK) * BLOCK)).subarray(0, size);
  }

  /** A file's content, and the zeros behind it read away. */
  async *content(size: number): AsyncGenerator<Uint8Array> {
    for (let left = size; left > 0;) {
      if (this.#rest.length === 0) await this.#more();
      const piece = this.#rest.subarray(0, left);
      this.#rest = this.#rest.subarray(piece.length);
      left -= piece.length;
      yield new Uint8Array(piece.buffer, piece.byteOffset, piece.length);
    }
    await this.#take((BLOCK - (size % BLOCK)) % BLOCK);
  }

  async #take(size: number): Promise<Buffer> {
    while (this.#rest.length < size) await this.#more();
    const taken = this.#rest.subarray(0, size);
    this.#rest = this.#rest.subarray(size);
    return taken;
  }

  async #more(): Promise<void> {
    const { done, value } = await this.#chunks.next();
    if (done) throw new Error("the archive ends too soon");
    const next = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    this.#rest =
      this.#rest.length === 0 ? next : Buffer.concat([this.#rest, next] as unknown as Uint8Array[]);
  }
}
