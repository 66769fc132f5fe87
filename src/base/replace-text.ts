import { rename, rm, writeFile } from "node:fs/promises";

/**
 * Writes a file whole or not at all, for a person's own folder: nothing is left beside it. It isn't flushed; what must
 * outlive a power cut is written by those who keep it.
 */
export async function replaceText(path: string, text: string): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    await writeFile(temporary, text);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
