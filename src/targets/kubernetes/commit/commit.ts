import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, normalize } from "node:path";
import { SlipwayError } from "../../../http/errors.ts";
import type { Platform } from "../../../spec/platform/platform.ts";
import { renderedFiles } from "../render/files.ts";
import type { Rendered } from "../render/rendered.ts";
import { writeFolder } from "../render/write-folder.ts";

/** Where a GitOps engine reads the platform. */
interface Delivery {
  repository: string;
  branch: string;
  path: string;
}

/** What was written into the environment repository; `commit` is absent when it said the same already. */
export interface Committed extends Delivery {
  commit?: string;
  files: number;
}

export interface CommitDeps {
  env: Readonly<Record<string, string | undefined>>;
  /** First line of the commit. */
  message: string;
}

const GIT_MS = 120_000;
/** Somebody else may push in between: so often it is written anew on top of theirs. */
const TRIES = 3;

/** The repository that the platform's GitOps engine watches. ENVIRONMENT_NOT_WRITTEN when it has none. */
function deliveryOf({ components }: Platform): Delivery {
  const engine = (components["argoCd"] ?? components["flux"]) as Partial<Delivery> | undefined;
  if (engine?.repository === undefined)
    throw new SlipwayError("ENVIRONMENT_NOT_WRITTEN", "no GitOps engine of the platform names a repository", {
      hint: "Add components.argoCd or components.flux with a repository, or apply without --commit.",
    });
  return { repository: engine.repository, branch: engine.branch ?? "main", path: engine.path ?? "." };
}

/**
 * Writes the rendered folder as one commit on top of the branch, never over somebody's. ENVIRONMENT_NOT_WRITTEN with
 * git's words when that fails.
 */
export async function commitPlatform(rendered: Rendered, deps: CommitDeps): Promise<Committed> {
  const delivery = deliveryOf(rendered.platform);
  const folder = await mkdtemp(join(tmpdir(), "slipway-environment-"));
  try {
    for (let attempt = 1; ; attempt++) {
      const written = await once(rendered, delivery, join(folder, String(attempt)), deps);
      if (written !== undefined) return { ...delivery, ...written };
      if (attempt >= TRIES)
        throw new SlipwayError("ENVIRONMENT_NOT_WRITTEN", "others push to the branch all the time", {
          given: delivery.branch,
        });
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** undefined when somebody pushed in between. */
async function once(
  rendered: Rendered,
  { repository, branch, path }: Delivery,
  clone: string,
  { env, message }: CommitDeps,
): Promise<Pick<Committed, "commit" | "files"> | undefined> {
  const git = (...args: string[]) => runGit(args, clone, env);
  await checkOut(repository, branch, clone, env);
  const inside = normalize(path);
  if (inside.startsWith("..") || inside.startsWith("/"))
    throw new SlipwayError("ENVIRONMENT_NOT_WRITTEN", "the path leads out of the repository", {
      given: path,
    });
  const files = renderedFiles(rendered);
  await writeFolder(join(clone, inside), files);
  await must(git("add", "--all", "--", inside));
  if ((await git("diff", "--cached", "--quiet")).code === 0) return { files: files.size };
  await must(git(...(await authorOf(git)), "commit", "--quiet", "--message", messageOf(rendered, message)));
  const pushed = await git("push", "--quiet", "origin", `HEAD:refs/heads/${branch}`);
  if (pushed.code !== 0 && /non-fast-forward|fetch first|stale info|cannot lock ref/.test(pushed.stderr))
    return undefined;
  if (pushed.code !== 0) throw refused(pushed.stderr);
  return { commit: (await must(git("rev-parse", "HEAD"))).trim(), files: files.size };
}

/** The branch's newest commit; an empty repository begins with this one. */
async function checkOut(
  repository: string,
  branch: string,
  clone: string,
  env: CommitDeps["env"],
): Promise<void> {
  const heads = await must(runGit(["ls-remote", "--heads", "--", repository, branch], tmpdir(), env));
  if (heads.trim() !== "") {
    const args = [
      "clone",
      "--quiet",
      "--depth=1",
      "--single-branch",
      "--branch",
      branch,
      "--",
      repository,
      clone,
    ];
    await must(runGit(args, tmpdir(), env));
    return;
  }
  await must(runGit(["init", "--quiet", "--initial-branch", branch, clone], tmpdir(), env));
  await must(runGit(["remote", "add", "origin", repository], clone, env));
}

function messageOf({ platform, environment }: Rendered, message: string): string {
  const trailers = [
    `Slipway-Platform: ${platform.name}`,
    ...(environment === undefined ? [] : [`Slipway-Environment: ${environment}`]),
  ];
  return `${message}\n\n${trailers.join("\n")}\n`;
}

/** Who writes the commit: whoever git knows here, else us. */
async function authorOf(git: (...args: string[]) => Promise<Ended>): Promise<string[]> {
  const known = await git("config", "user.email");
  if (known.stdout.trim() !== "") return [];
  return ["-c", "user.name=slipway", "-c", "user.email=slipway@localhost"];
}

interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

async function must(ending: Promise<Ended>): Promise<string> {
  const { code, stdout, stderr } = await ending;
  if (code === 0) return stdout;
  throw refused(stderr.trim() || stdout.trim());
}

function refused(said: string): SlipwayError {
  return new SlipwayError("ENVIRONMENT_NOT_WRITTEN", "the environment repository can't be written", {
    given: said.trim().slice(0, 500),
  });
}

function runGit(args: readonly string[], cwd: string, env: CommitDeps["env"]): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn("git", args, {
      cwd,
      // Nobody sits there to be asked for a password.
      env: { ...env, GIT_TERMINAL_PROMPT: "0", LC_ALL: "C" },
      stdio: ["ignore", "pipe", "pipe"],
      timeout: GIT_MS,
    });
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (chunk: Uint8Array) => (stdout += Buffer.from(chunk).toString()));
    child.stderr.on("data", (chunk: Uint8Array) => (stderr += Buffer.from(chunk).toString()));
    child.on("error", (error: NodeJS.ErrnoException) =>
      reject(
        error.code === "ENOENT"
          ? new SlipwayError("GIT_MISSING", "git isn't installed or not on PATH")
          : error,
      ),
    );
    child.on("close", (code) => resolve({ code, stdout, stderr }));
  });
}
