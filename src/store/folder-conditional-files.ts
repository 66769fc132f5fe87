import { link, mkdir, open, readdir, readFile, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { randomUUID } from "node:crypto";
import { SlipwayError } from "../http/errors.ts";
import { checkBlobPath } from "./blob-path.ts";
import { MAX_CONDITIONAL_BYTES, type ConditionalFiles, type TaggedFile } from "./conditional-files.ts";

/** Twelve digits sort as numbers do. */
const VERSION = /^\d{12}$/;
const TEMPORARY = ".writing-";
const TRIES = 8;

/**
 * ConditionalFiles in a folder of this machine. A file is a folder of numbered versions, of which the newest counts: a
 * link to a name that is taken fails, so that one writer alone makes a version, whichever processes they are.
 */
export function createFolderConditionalFiles(root: string): ConditionalFiles {
  return {
    async read(path) {
      const folder = join(root, checkBlobPath(path));
      for (let left = TRIES; left > 0; left--) {
        const newest = (await versions(folder)).at(-1);
        if (newest === undefined) return undefined;
        const found = await readVersion(folder, newest, path);
        if (found !== undefined) return found;
        // It was replaced and removed in between.
      }
      throw new SlipwayError("UNAVAILABLE", `${path} is written too often to be read`);
    },
    async write(path, text, expected) {
      const folder = join(root, checkBlobPath(path));
      const newest = (await versions(folder)).at(-1);
      if ((newest ?? null) !== expected) return undefined;
      await makeFolders(folder);
      const next = String(Number(newest ?? 0) + 1).padStart(12, "0");
      const made = await linkNew(folder, text, next);
      if (!made) return undefined;
      const present = await versions(folder);
      if (present.at(-1) !== next) {
        // Others wrote several versions since, and removed this one's number: they have never seen this one.
        await rm(join(folder, next), { force: true });
        return undefined;
      }
      for (const older of present.slice(0, -1)) await rm(join(folder, older), { force: true });
      return next;
    },
  };
}

async function versions(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).filter((name) => VERSION.test(name)).sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw failed(error);
  }
}

async function readVersion(folder: string, tag: string, path: string): Promise<TaggedFile | undefined> {
  const file = join(folder, tag);
  try {
    if ((await stat(file)).size > MAX_CONDITIONAL_BYTES)
      throw new SlipwayError("TOO_LARGE", `${path} is too large`, { allowed: `${MAX_CONDITIONAL_BYTES}` });
    return { text: await readFile(file, "utf8"), tag };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error instanceof SlipwayError ? error : failed(error);
  }
}

/** Whether the name was free; the file is there whole and flushed, or not at all. */
async function linkNew(folder: string, text: string, name: string): Promise<boolean> {
  const temporary = join(folder, `${TEMPORARY}${randomUUID()}`);
  try {
    const file = await open(temporary, "wx", 0o644);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await link(temporary, join(folder, name));
    await flush(folder);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw failed(error);
  } finally {
    await rm(temporary, { force: true });
  }
}

/** Like mkdir -p, but every new folder's entry is flushed as well. */
async function makeFolders(folder: string): Promise<void> {
  try {
    const first = await mkdir(folder, { recursive: true });
    if (first === undefined) return;
    for (let made = folder; made.length >= first.length; made = dirname(made)) await flush(dirname(made));
  } catch (error) {
    throw failed(error);
  }
}

async function flush(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function failed(error: unknown): SlipwayError {
  const { code, message } = error as NodeJS.ErrnoException;
  return code === "ENOSPC" || code === "EDQUOT"
    ? new SlipwayError("STORE_FULL", "no room for the file", { cause: error })
    : new SlipwayError("STORE_FAILED", message, { cause: error });
}
