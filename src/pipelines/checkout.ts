import { execFile } from "node:child_process";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { SlipwayError } from "../http/errors.ts";

const run = promisify(execFile);

export interface Commit {
  /** Object id of the commit's tree. */
  tree: string;
  /** Object id of the content by path: Git has hashed it already. */
  files: Map<string, string>;
}

/** What git may see of the environment: the user's own settings must not change what a commit contains. */
function gitEnv(env: Record<string, string>, extra: Record<string, string> = {}): Record<string, string> {
  return {
    PATH: env.PATH ?? "/usr/bin:/bin",
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_GLOBAL: "/dev/null",
    ...extra,
  };
}

/** Tree and files of a commit. PIPELINE_CHECKOUT_FAILED when it isn't in the repository. */
export async function readCommit(
  repository: string,
  commit: string,
  env: Record<string, string>,
): Promise<Commit> {
  const git = (...args: string[]): Promise<{ stdout: string }> =>
    run("git", [`--git-dir=${repository}`, ...args], { env: gitEnv(env), maxBuffer: 256 * 1024 * 1024 });
  try {
    const [tree, list] = await Promise.all([
      git("rev-parse", "--verify", `${commit}^{tree}`),
      git("ls-tree", "-r", "-z", commit),
    ]);
    const files = new Map<string, string>();
    for (const entry of list.stdout.split("\0")) {
      const match = /^(\d+) blob ([0-9a-f]+)\t(.*)$/s.exec(entry);
      // The mode is part of it: a script that becomes executable is a change.
      if (match?.[3] !== undefined) files.set(match[3], `${match[1]}:${match[2]}`);
    }
    return { tree: tree.stdout.trim(), files };
  } catch (error) {
    throw failed(commit, error);
  }
}

/**
 * Writes the commit's files into a fresh folder. By an index of its own rather than by `git archive`, which leaves out
 * what .gitattributes marks `export-ignore`.
 */
export async function checkOut(
  repository: string,
  commit: string,
  workDir: string,
  env: Record<string, string>,
): Promise<void> {
  await rm(workDir, { recursive: true, force: true });
  await mkdir(workDir, { recursive: true });
  const index = join(workDir, "..", "checkout.index");
  await rm(index, { force: true });
  const options = { env: gitEnv(env, { GIT_INDEX_FILE: index }), maxBuffer: 1024 * 1024 };
  const git = (...args: string[]): Promise<unknown> =>
    run(
      "git",
      [`--git-dir=${repository}`, `--work-tree=${workDir}`, "-c", "core.bare=false", ...args],
      options,
    );
  try {
    await git("read-tree", commit);
    await git("checkout-index", "--all", "--quiet");
  } catch (error) {
    throw failed(commit, error);
  } finally {
    await rm(index, { force: true });
  }
}

function failed(commit: string, error: unknown): SlipwayError {
  const { stderr, message } = error as Error & { stderr?: string };
  const why = (stderr ?? message).trim().split("\n").at(-1) ?? "";
  return new SlipwayError("PIPELINE_CHECKOUT_FAILED", `can't check out ${commit.slice(0, 12)}: ${why}`, {
    cause: error,
  });
}
