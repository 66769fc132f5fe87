import { spawn } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { PATH } from "./helpers.ts";

export interface GitEnd {
  code: number | null;
  output: string;
}

export interface RunningGit {
  /** Resolves when the output so far matches; rejects when the program ends without it. */
  saw(pattern: RegExp): Promise<void>;
  ended: Promise<GitEnd>;
  interrupt(): void;
}

/** The real `git` as a person runs it, with none of the machine's settings. */
export function startGit(args: readonly string[], cwd: string): RunningGit {
  const child = spawn("git", args, {
    cwd,
    env: {
      PATH,
      HOME: cwd,
      LC_ALL: "C",
      GIT_CONFIG_NOSYSTEM: "1",
      GIT_CONFIG_GLOBAL: "/dev/null",
      GIT_TERMINAL_PROMPT: "0",
      GIT_AUTHOR_NAME: "Ada",
      GIT_AUTHOR_EMAIL: "ada@example.org",
      GIT_COMMITTER_NAME: "Ada",
      GIT_COMMITTER_EMAIL: "ada@example.org",
    },
    stdio: ["ignore", "pipe", "pipe"],
    // As a shell does it, so that an interrupt reaches Git's helpers too.
    detached: true,
  });
  let output = "";
  const waiting = new Set<() => void>();
  const hear = (chunk: string): void => {
    output += chunk;
    for (const look of waiting) look();
  };
  child.stdout.setEncoding("utf8").on("data", hear);
  child.stderr.setEncoding("utf8").on("data", hear);
  const ended = new Promise<GitEnd>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, output }));
  });
  return {
    ended,
    interrupt: () => void process.kill(-(child.pid ?? 0), "SIGINT"),
    saw: (pattern) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (!pattern.test(output)) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
        void ended.then(() => reject(new Error(`git ended without ${pattern}:\n${output}`)), reject);
      }),
  };
}

export function git(cwd: string, ...args: string[]): Promise<GitEnd> {
  return startGit(args, cwd).ended;
}

/** As `git`, for calls that must succeed. Answers the output. */
export async function mustGit(cwd: string, ...args: string[]): Promise<string> {
  const { code, output } = await git(cwd, ...args);
  if (code !== 0) throw new Error(`git ${args.join(" ")} ended with ${code}:\n${output}`);
  return output.trim();
}

/** A working copy with one commit of these files on main. */
export async function workingCopy(
  folder: string,
  files: Readonly<Record<string, string | Uint8Array>>,
  branch = "main",
): Promise<string> {
  await mkdir(folder, { recursive: true });
  await mustGit(folder, "init", "--quiet", `--initial-branch=${branch}`);
  await commitFiles(folder, files, "first");
  return folder;
}

export async function commitFiles(
  folder: string,
  files: Readonly<Record<string, string | Uint8Array>>,
  message: string,
): Promise<string> {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  }
  await mustGit(folder, "add", "--all");
  await mustGit(folder, "commit", "--quiet", "--allow-empty", "-m", message);
  return mustGit(folder, "rev-parse", "HEAD");
}
