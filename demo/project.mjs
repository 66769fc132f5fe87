// A model's repository, as a person has it on a laptop: `slipway init`, edits, commits, pushes.
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { SLIPWAY } from "./platform.mjs";
import { follow } from "./terminal.mjs";

const run = promisify(execFile);
const PUSH_WITHIN_MS = 60_000;

/** Git as on a machine without any configuration: the demo must not depend on, or use, a person's own. */
const GIT_ENV = {
  ...process.env,
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_CONFIG_SYSTEM: "/dev/null",
  GIT_TERMINAL_PROMPT: "0",
  GIT_AUTHOR_NAME: "Demo",
  GIT_AUTHOR_EMAIL: "demo@example.org",
  GIT_COMMITTER_NAME: "Demo",
  GIT_COMMITTER_EMAIL: "demo@example.org",
};

/** Runs git in a folder; answers what it printed. */
export async function git(folder, ...args) {
  const { stdout } = await run("git", args, { cwd: folder, env: GIT_ENV });
  return stdout.trim();
}

export class Project {
  constructor(folder, gitUrl) {
    this.folder = folder;
    this.gitUrl = gitUrl;
  }

  /** `slipway init --template digits`, which makes the first commit and names the platform too. */
  static async init({ parent, name, gitUrl }) {
    const url = gitUrl.replace(/\/git$/, "");
    await run(process.execPath, [SLIPWAY, "init", name, "--template", "digits", "--url", url], {
      cwd: parent,
      env: GIT_ENV,
    });
    return new Project(join(parent, name), `${gitUrl}/${name}.git`);
  }

  /** Replaces text in a file; an error when it isn't there. */
  edit(file, from, to) {
    const path = join(this.folder, file);
    const text = readFileSync(path, "utf8");
    if (!text.includes(from)) throw new Error(`${file} does not contain "${from}"`);
    writeFileSync(path, text.replace(from, to));
  }

  /** Applies one of the faults in demo/faults/. */
  async applyFault(name) {
    await git(this.folder, "apply", fileURLToPath(new URL(`faults/${name}.patch`, import.meta.url)));
  }

  async commit(message) {
    await git(this.folder, "add", "--all");
    await git(this.folder, "commit", "--quiet", "--message", message);
    return git(this.folder, "rev-parse", "HEAD");
  }

  /** Takes the last commit back with a new one, as one does after a bad push. */
  async revertLast() {
    await git(this.folder, "revert", "--no-edit", "HEAD");
  }

  /** `git push`, its output shown as it comes; answers when it began and ended, and the lines. */
  async push() {
    const startedAt = Date.now();
    const child = spawn("git", ["push", "slipway", "HEAD:refs/heads/main"], {
      cwd: this.folder,
      env: GIT_ENV,
      stdio: ["ignore", "ignore", "pipe"],
      timeout: PUSH_WITHIN_MS,
    });
    const exited = once(child, "exit");
    const lines = await follow(child.stderr, "│");
    const [code, signal] = await exited;
    if (code !== 0) throw new Error(`git push failed (${signal ?? `exit code ${code}`})`);
    return { startedAt, endedAt: Date.now(), lines };
  }
}

/** A fresh clone of the environment repository: subject, body and trailers of its commits, newest first. */
export async function environmentLog(gitUrl, folder) {
  await git("/", "clone", "--quiet", `${gitUrl}/environment.git`, folder);
  const text = await git(folder, "log", "--format=%H%x1f%s%x1f%b%x1e");
  return text
    .split("\x1e")
    .map((entry) => entry.trim())
    .filter((entry) => entry !== "")
    .map((entry) => {
      const [commit, subject, body = ""] = entry.split("\x1f");
      return { commit, subject, body };
    });
}
