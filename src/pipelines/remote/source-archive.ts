import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { packTar } from "../../base/tar/pack.ts";
import { checkOut } from "../checkout.ts";

/**
 * A commit's files as an archive. They are checked out first: `git archive` leaves out what .gitattributes marks
 * `export-ignore`, and steps would find other files in a pod than on a laptop. The folder goes when the stream ends.
 */
export async function sourceArchive(
  { repository, commit }: { repository: string; commit: string },
  { folder, env }: { folder: string; env: Record<string, string> },
): Promise<Readable> {
  const workDir = join(folder, "work");
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    await mkdir(folder, { recursive: true });
    await checkOut(repository, commit, workDir, env);
  } catch (error) {
    await remove();
    throw error;
  }
  async function* packed(): AsyncGenerator<Uint8Array> {
    try {
      yield* packTar(workDir, ["."]);
    } finally {
      await remove();
    }
  }
  return Readable.from(packed());
}
