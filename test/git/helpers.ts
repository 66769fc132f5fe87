import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../src/base/clock.ts";
import { openGit, type Git } from "../../src/git/plumbing.ts";
import { openRepositories, type Repositories } from "../../src/git/repositories.ts";

export const MEBIBYTE = 1024 * 1024;
export const PATH = process.env["PATH"] ?? "";

export async function temporaryFolder(): Promise<{ path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), "slipway-git-"));
  return { path, remove: () => rm(path, { recursive: true, force: true, maxRetries: 5 }) };
}

export async function openTestRepositories(root: string): Promise<{ git: Git; repositories: Repositories }> {
  const git = await openGit({ path: PATH });
  const repositories = await openRepositories({
    root,
    git,
    clock: systemClock,
    maxPackBytes: 64 * MEBIBYTE,
  });
  return { git, repositories };
}
