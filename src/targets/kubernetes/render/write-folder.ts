import { mkdir, readFile, readdir, rm, rmdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { replaceText } from "../../../base/replace-text.ts";
import { SlipwayError } from "../../../http/errors.ts";
import type { RenderedFiles } from "./files.ts";

/** Names what is ours in the folder: nothing else in it is ever removed. */
const MANIFEST = ".slipway-rendered";
/** Files that are read or written side by side: one after the other, hundreds of small ones wait for the disk. */
const AT_ONCE = 8;

/** What became of the files of a folder. */
export interface FolderChanges {
  written: number;
  unchanged: number;
  removed: number;
}

/**
 * Makes a folder hold these files, and takes away those of an earlier call that are no longer among them. A file that
 * is as it should be isn't touched. PLATFORM_FOLDER_FOREIGN when the folder has other things and wasn't made by us.
 */
export async function writeFolder(folder: string, files: RenderedFiles): Promise<FolderChanges> {
  const before = await readManifest(folder);
  const changes: FolderChanges = { written: 0, unchanged: 0, removed: 0 };
  // First of all: what is written after a crash in between is still known as ours.
  const names = [...files.keys()];
  await replace(join(folder, MANIFEST), listOf(new Set([...before, ...names])));
  const waiting = [...files];
  const write = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [name, text] = next;
      const path = join(folder, name);
      if ((await textOf(path)) === text) changes.unchanged++;
      else {
        await replace(path, text);
        changes.written++;
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, write));
  for (const name of before.filter((one) => !files.has(one))) {
    await rm(join(folder, name), { force: true });
    await removeEmpty(folder, dirname(name));
    changes.removed++;
  }
  await replace(join(folder, MANIFEST), listOf(new Set(names)));
  return changes;
}

function listOf(names: ReadonlySet<string>): string {
  return `${[...names].sort().join("\n")}\n`;
}

async function readManifest(folder: string): Promise<string[]> {
  const text = await textOf(join(folder, MANIFEST));
  // A name that leaves the folder isn't from us.
  if (text !== undefined)
    return text
      .split("\n")
      .filter((name) => /^[a-z0-9./-]+$/i.test(name) && !/(^|\/)\.\.?(\/|$)|^\//.test(name));
  const found = await readdir(folder).catch(() => []);
  if (found.every((name) => name === ".git" || name === ".gitkeep")) return [];
  throw new SlipwayError(
    "PLATFORM_FOLDER_FOREIGN",
    `the folder ${folder} holds what isn't a rendered platform`,
    {
      given: found.slice(0, 5).join(", "),
      allowed: "a new or empty folder, or one that was rendered into before",
    },
  );
}

async function textOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

async function replace(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await replaceText(path, text);
}

/** Up to the folder itself, whatever is left empty. */
async function removeEmpty(folder: string, name: string): Promise<void> {
  for (let inner = name; inner !== "."; inner = dirname(inner)) {
    try {
      await rmdir(join(folder, inner));
    } catch {
      return;
    }
  }
}
