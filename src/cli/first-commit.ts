import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { SlipwayError } from "../http/errors.ts";

type Env = Readonly<Record<string, string | undefined>>;

const GIT_WITHIN_MS = 60_000;
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
  const git = (...args: string[]) => run(args, folder, env);
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

interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

async function must(ending: Promise<Ended>, what: string): Promise<string> {
  const { code, stdout, stderr } = await ending;
  if (code === 0) return stdout;
  const said = (stderr.trim() || stdout.trim()).slice(0, 500);
  throw new SlipwayError("GIT_FAILED", `git ${what} failed: ${said || `exit code ${code}`}`, {
    hint: "The project's files are in place; run git by hand in the folder.",
  });
}

function run(args: readonly string[], cwd: string, env: Env): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn("git", args, { cwd, env, stdio: ["ignore", "pipe", "pipe"], timeout: GIT_WITHIN_MS });
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
    child.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT")
        reject(new SlipwayError("GIT_MISSING", "git isn't installed or not on PATH"));
      else reject(error);
    });
    child.on("close", (code) => resolve({ code, stdout, stderr }));
  });
}
