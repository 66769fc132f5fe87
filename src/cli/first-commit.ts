import { existsSync } from "node:fs";
import { join } from "node:path";
import { must as mustGit, runGit } from "./git.ts";
import type { Ended, Env } from "./git.ts";

const NO_IDENTITY = ["-c", "user.name=slipway init", "-c", "user.email=slipway@localhost"];

/**
 * `git init` on branch main and a first commit of everything; in a repository that exists already, only the commit.
 * `remote` is added under its name unless there is one already. Who has no Git identity gets a stand-in for this commit alone. GIT_MISSING, GIT_FAILED.
 */
export async function startRepository(
  folder: string,
  { message, remote }: { message: string; remote: { name: string; url: string } },
  env: Env,
): Promise<{ commit: string; branch: string }> {
  const git = (...args: string[]) => runGit(args, folder, env);
  if (!existsSync(join(folder, ".git"))) await must(git("init", "--quiet", "--initial-branch=main"), "init");
  await must(git("add", "--all"), "add");
  // Without useConfigOnly Git makes up an address from the host's name.
  const identity = await git("-c", "user.useConfigOnly=true", "var", "GIT_COMMITTER_IDENT");
  const stand = identity.code === 0 ? [] : NO_IDENTITY;
  await must(git(...stand, "commit", "--quiet", "--message", message), "commit");
  const known = await must(git("remote"), "remote");
  if (!known.split("\n").includes(remote.name))
    await must(git("remote", "add", remote.name, remote.url), "remote add");
  const head = await must(git("rev-parse", "HEAD"), "rev-parse");
  const branch = await must(git("symbolic-ref", "--short", "HEAD"), "symbolic-ref");
  return { commit: head.trim(), branch: branch.trim() };
}

function must(ending: Promise<Ended>, what: string): Promise<string> {
  return mustGit(ending, what, "The project's files are in place; run git by hand in the folder.");
}
