import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
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

/** Bundles a fixture, because processes of Node 20 can't run TypeScript. */
export async function bundleFixture(name: string, folder: string): Promise<string> {
  const outfile = join(folder, `${name}.mjs`);
  await build({
    entryPoints: [fileURLToPath(new URL(`fixtures/${name}.ts`, import.meta.url))],
    outfile,
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20.19",
    banner: {
      js: 'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);',
    },
    logLevel: "warning",
  });
  return outfile;
}
