import { spawn } from "node:child_process";
import { SlipwayError } from "../http/errors.ts";

export type Env = Readonly<Record<string, string | undefined>>;

const GIT_WITHIN_MS = 60_000;

/** How a call of git ended. */
export interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** What git wrote. GIT_FAILED with what it said when it failed; `hint` says what is in place then. */
export async function must(ending: Promise<Ended>, what: string, hint: string): Promise<string> {
  const { code, stdout, stderr } = await ending;
  if (code === 0) return stdout;
  const said = (stderr.trim() || stdout.trim()).slice(0, 500);
  throw new SlipwayError("GIT_FAILED", `git ${what} failed: ${said || `exit code ${code}`}`, {
    hint,
  });
}

/** Runs git in a folder. GIT_MISSING when there is none. */
export function runGit(args: readonly string[], cwd: string, env: Env): Promise<Ended> {
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
