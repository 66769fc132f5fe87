import { createHash, randomUUID } from "node:crypto";
import { mkdir, open, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { joinBuffers } from "../../base/bytes.ts";
import { MAX_HEADER_BYTES, readHeader, refused } from "./archive.ts";
import type { ArchiveFile } from "./archive.ts";

const NEWLINE = 0x0a;

/**
 * Writes an archive's files into `<root>/<digest>` and answers that folder, which appears whole or not at all. Every file
 * is checked by its hash as it is written; MODEL_REFUSED when it isn't the archive of that digest, or is cut off.
 */
export async function unpackArchive(
  stream: AsyncIterable<Uint8Array>,
  { root, digest }: { root: string; digest: string },
): Promise<string> {
  const target = join(root, digest);
  const temporary = join(root, `.tmp-${randomUUID()}`);
  await mkdir(temporary, { recursive: true });
  const bytes = new ByteReader(stream);
  try {
    const content = readHeader(await bytes.line());
    if (content.digest !== digest) throw refused("it is another one than was asked for");
    for (const file of content.files) await write(bytes, temporary, file);
    if (!(await bytes.isEnd())) throw refused("something comes after its last file");
    await rename(temporary, target).catch(async (error: unknown) => {
      if (!(await isThere(target))) throw error;
    });
    return target;
  } finally {
    await bytes.close();
    await rm(temporary, { recursive: true, force: true });
  }
}

/** Whether that archive has been unpacked below the root. */
export async function isThere(folder: string): Promise<boolean> {
  return stat(folder).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

async function write(bytes: ByteReader, folder: string, { path, size, sha256 }: ArchiveFile): Promise<void> {
  const target = join(folder, path);
  await mkdir(dirname(target), { recursive: true });
  const hash = createHash("sha256");
  // Read-only: what a worker loads can't change under it.
  const file = await open(target, "wx", 0o444);
  try {
    for await (const chunk of bytes.take(size)) {
      hash.update(chunk);
      await file.writeFile(chunk);
    }
  } finally {
    await file.close();
  }
  if (hash.digest("hex") !== sha256) throw refused(`${path} isn't what its hash says`);
}

/** Bytes of a stream by their number. */
class ByteReader {
  readonly #source: AsyncIterator<Uint8Array>;
  #held: Uint8Array = new Uint8Array(0);

  constructor(stream: AsyncIterable<Uint8Array>) {
    this.#source = stream[Symbol.asyncIterator]();
  }

  /** Up to the first newline, which is bounded. */
  async line(): Promise<string> {
    const parts: Buffer[] = [];
    let length = 0;
    while (await this.#more()) {
      const end = this.#held.indexOf(NEWLINE);
      const part = end === -1 ? this.#held : this.#held.subarray(0, end);
      parts.push(Buffer.from(part));
      length += part.length;
      if (length > MAX_HEADER_BYTES) throw refused("its header is too long");
      this.#held = end === -1 ? new Uint8Array(0) : this.#held.subarray(end + 1);
      if (end !== -1) return joinBuffers(parts).toString("utf8");
    }
    throw refused("it ended in its header");
  }

  async *take(count: number): AsyncGenerator<Uint8Array, void, undefined> {
    let left = count;
    while (left > 0) {
      if (!(await this.#more())) throw refused("it ended early");
      const part = this.#held.subarray(0, left);
      this.#held = this.#held.subarray(part.length);
      left -= part.length;
      yield part;
    }
  }

  async isEnd(): Promise<boolean> {
    return !(await this.#more());
  }

  async close(): Promise<void> {
    await this.#source.return?.();
  }

  /** Has at least one byte; false at the end. */
  async #more(): Promise<boolean> {
    while (this.#held.length === 0) {
      const { done, value } = await this.#source.next();
      if (done === true) return false;
      this.#held = value;
    }
    return true;
  }
}
