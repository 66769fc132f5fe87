import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { PipelineEngine, PipelineRunSpec, PipelineRunStatus } from "../../src/pipelines/engine.ts";
import type { Project, Step } from "../../src/spec/project.ts";

/** A folder that is removed by `remove`. */
export function temporaryFolder(): { path: string; remove: () => void } {
  const path = realpathSync(mkdtempSync(join(tmpdir(), "slipway-pipelines-")));
  return { path, remove: () => rmSync(path, { recursive: true, force: true, maxRetries: 5 }) };
}

const AUTHOR = {
  GIT_AUTHOR_NAME: "Test",
  GIT_AUTHOR_EMAIL: "test@example.com",
  GIT_COMMITTER_NAME: "Test",
  GIT_COMMITTER_EMAIL: "test@example.com",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_CONFIG_NOSYSTEM: "1",
};

/** A repository to commit into; engines check out of its `.git`. */
export class Repository {
  readonly gitDir: string;
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
    this.gitDir = join(root, ".git");
    mkdirSync(root, { recursive: true });
    this.#git("init", "--quiet", "--initial-branch=main");
  }

  /** Commits the files on top of what is there; answers the commit. */
  commit(files: Record<string, string>): string {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(this.#root, path)), { recursive: true });
      writeFileSync(join(this.#root, path), text);
    }
    this.#git("add", "--all");
    this.#git("commit", "--quiet", "--allow-empty", "-m", "change");
    return this.#git("rev-parse", "HEAD").trim();
  }

  #git(...args: string[]): string {
    return execFileSync("git", args, {
      cwd: this.#root,
      encoding: "utf8",
      env: { PATH: process.env.PATH, HOME: this.#root, ...AUTHOR },
    });
  }
}

export function step(name: string, run: string, more: Partial<Step> = {}): Step {
  return {
    name,
    run,
    needs: [],
    inputs: [],
    outputs: [],
    params: {},
    cache: true,
    resources: {},
    retries: 0,
    backoff: 10,
    timeout: 60_000,
    ...more,
  };
}

export function project(steps: Step[], more: Partial<Project> = {}): Project {
  return {
    apiVersion: "slipway/v1",
    kind: "Project",
    name: "churn",
    environment: {},
    pipeline: { steps, cache: true },
    serving: { protocol: ["v2"], scale: { min: 1 }, timeout: 2000, maxBody: 1_000_000 },
    rollout: {
      kind: "canary",
      shadow: null,
      fallback: false,
      watch: 60_000,
      guard: null,
      steps: [50],
      falseRollbackRate: 0.01,
      falsePromotionRate: 0.05,
      metrics: [],
      deadline: 60_000,
      onNotEnoughData: "hold",
      approval: "none",
      onAliasSet: "rollout",
    },
    ...more,
  };
}

/** What steps of tests may see of this machine. */
export function stepEnv(): Record<string, string> {
  return { PATH: process.env.PATH ?? "/usr/bin:/bin", HOME: process.env.HOME ?? "/" };
}

/** Submits and waits for the end. */
export async function finish(engine: PipelineEngine, spec: PipelineRunSpec): Promise<PipelineRunStatus> {
  await engine.submit(spec);
  let last: PipelineRunStatus | undefined;
  for await (const status of engine.observe(spec.id, AbortSignal.timeout(180_000))) last = status;
  if (last === undefined) throw new Error("observed nothing");
  return last;
}

/** States by step name. */
export function states(status: PipelineRunStatus): Record<string, string> {
  return Object.fromEntries(status.steps.map((step) => [step.name, step.state]));
}

export function reason(status: PipelineRunStatus, name: string): string {
  return status.steps.find((step) => step.name === name)?.reason ?? "";
}

/** All lines of a run's log. */
export async function logLines(engine: PipelineEngine, id: string, step?: string): Promise<string[]> {
  const lines: string[] = [];
  const options = {
    follow: false,
    signal: AbortSignal.timeout(60_000),
    ...(step === undefined ? {} : { step }),
  };
  for await (const entry of engine.logs(id, options)) lines.push(entry.line);
  return lines;
}

/** Waits until the condition holds, for at most a minute. */
export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const end = Date.now() + 60_000;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`waited too long until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** True while the process runs (a zombie doesn't). */
export function alive(pid: number): boolean {
  return stillAlive([pid]).length > 0;
}

/** Of these processes, the ones that run. */
export function stillAlive(pids: readonly number[]): number[] {
  // `ps` ends with 1 when it finds none.
  const { stdout } = spawnSync("ps", ["-o", "pid=,stat=", "-p", pids.join(",")], { encoding: "utf8" });
  const rows = stdout.split("\n").map((row) => row.trim().split(/\s+/));
  return rows.filter(([pid, stat]) => pid && stat && !stat.startsWith("Z")).map(([pid]) => Number(pid));
}
