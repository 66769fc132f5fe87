import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { SlipwayError } from "../../http/errors.ts";

/**
 * A model's folder as one stream: a line of JSON (the header, ended by a newline), then the bytes of all files, one after
 * the other, in the header's order. Plain files only: no links, no modes, no times. It is named by its digest, the
 * SHA-256 of `<sha256>  <path>` of all files, which whoever unpacks it checks.
 */
export const ARCHIVE_TYPE = "application/vnd.slipway.model";
export const MAX_HEADER_BYTES = 2 * 1024 * 1024;
const MAX_FILES = 5_000;
const MAX_BYTES = 20 * 2 ** 30;

const fileSchema = z.strictObject({
  path: z.string().min(1).max(1_000),
  size: z.int().min(0),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});
const headerSchema = z.strictObject({ format: z.literal(1), files: z.array(fileSchema).max(MAX_FILES) });

export type ArchiveFile = z.infer<typeof fileSchema>;

/** What an archive holds, sorted by path, and its name. */
export interface ArchiveContent {
  digest: string;
  files: readonly ArchiveFile[];
}

/** Reads a folder's files. MODEL_TOO_LARGE beyond 5,000 files or 20 GiB; what is neither file nor folder is refused. */
export async function describeFolder(folder: string): Promise<ArchiveContent> {
  const files: ArchiveFile[] = [];
  let bytes = 0;
  for (const path of (await listFiles(folder, "")).sort()) {
    const { size } = await stat(join(folder, path));
    bytes += size;
    if (files.length >= MAX_FILES || bytes > MAX_BYTES) throw tooLarge(folder);
    files.push({ path, size, sha256: await hashOf(join(folder, path)) });
  }
  return { digest: digestOfFiles(files), files };
}

/** The archive's bytes. The files mustn't change meanwhile: whoever unpacks them would refuse them. */
export async function* packFolder(
  folder: string,
  files: readonly ArchiveFile[],
): AsyncGenerator<Uint8Array, void, undefined> {
  yield new TextEncoder().encode(`${JSON.stringify({ format: 1, files })}\n`);
  for (const { path, size } of files)
    // One that has grown meanwhile mustn't shift those after it.
    if (size > 0) yield* createReadStream(join(folder, path), { end: size - 1 }) as AsyncIterable<Uint8Array>;
}

/** The header as it was written; MODEL_REFUSED for one that names what mustn't be written. */
export function readHeader(text: string): ArchiveContent {
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch {
    given = undefined;
  }
  const read = headerSchema.safeParse(given);
  if (!read.success) throw refused("its header can't be read");
  const { files } = read.data;
  const paths = new Set<string>();
  let bytes = 0;
  for (const { path, size } of files) {
    if (!isSafe(path)) throw refused(`it names ${JSON.stringify(path)}`);
    if (paths.has(path)) throw refused(`it names ${JSON.stringify(path)} twice`);
    paths.add(path);
    bytes += size;
  }
  if (bytes > MAX_BYTES) throw tooLarge("the archive");
  return { digest: digestOfFiles(files), files };
}

/** An archive that isn't what was asked for, or that would write where it mustn't. */
export function refused(why: string): SlipwayError {
  return new SlipwayError("MODEL_REFUSED", `the model's archive is refused: ${why}`);
}

function digestOfFiles(files: readonly ArchiveFile[]): string {
  const whole = createHash("sha256");
  for (const { sha256, path } of files) whole.update(`${sha256}  ${path}\n`);
  return whole.digest("hex");
}

/** Below the folder it is unpacked in, by names that no file system takes for something else. */
function isSafe(path: string): boolean {
  // oxlint-disable-next-line no-control-regex
  if (/[\u0000-\u001f\u007f\\]/.test(path)) return false;
  return path.split("/").every((name) => name !== "" && name !== "." && name !== ".." && name.length <= 255);
}

async function listFiles(root: string, below: string): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(join(root, below), { withFileTypes: true })) {
    const path = below === "" ? entry.name : `${below}/${entry.name}`;
    if (entry.isDirectory()) found.push(...(await listFiles(root, path)));
    else if (entry.isFile()) found.push(path);
    else throw refused(`${path} is neither a file nor a folder`);
    if (found.length > MAX_FILES) throw tooLarge(root);
  }
  return found;
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path) as AsyncIterable<Uint8Array>) hash.update(chunk);
  return hash.digest("hex");
}

function tooLarge(where: string): SlipwayError {
  return new SlipwayError("MODEL_TOO_LARGE", "the model's folder holds too much", {
    where,
    allowed: `${MAX_FILES} files, ${MAX_BYTES} bytes`,
  });
}
