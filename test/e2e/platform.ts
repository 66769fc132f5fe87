import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { inject } from "vitest";
import { freshPostgres } from "../support/shared-postgres.ts";

const command = resolve("bin/slipway");
/** No promise about starting: only a bound, so that a busy machine fails no test that is about something else. */
const READY_MS = 90_000;
/** The same for a program that runs to its end: a push waits for all that it starts. */
const RUN_MS = 200_000;

export interface Ready {
  url: string;
  gitUrl: string;
  pid: number;
  dataDir: string;
}

/** A platform of a test's own: real processes, a folder that goes away. */
export interface TestPlatform extends Ready {
  process: ChildProcess;
  /** SIGTERM and wait; answers the exit code. */
  stop(): Promise<number | null>;
  /** Resolves when the supervisor has ended, however. */
  ended: Promise<number | null>;
}

export function newFolder(prefix: string): string {
  return mkdtempSync(join(tmpdir(), `slipway-${prefix}-`));
}

/** Databases of platforms that may be started again, by their data folders. */
const databases = new Map<string, string>();

/** `--store` of the database that this project of vitest.config.ts tests with, the same one for the same folder. */
async function storeOption(dataDir: string, args: readonly string[]): Promise<string[]> {
  if (inject("database") !== "postgres" || args.includes("--store")) return [];
  const url = databases.get(dataDir) ?? (await freshPostgres());
  databases.set(dataDir, url);
  return ["--store", url];
}

/** Starts `slipway up --json` and resolves at its first line. */
export async function startPlatform(
  dataDir: string,
  port = 0,
  env: Record<string, string> = {},
  args: readonly string[] = [],
): Promise<TestPlatform> {
  const store = await storeOption(dataDir, args);
  const child = spawn(
    process.execPath,
    [command, "up", "--json", "--port", String(port), "--data", dataDir, ...store, ...args],
    {
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  const ended = new Promise<number | null>((settle) => child.once("exit", (code) => settle(code)));
  let errors = "";
  child.stderr.on("data", (chunk: Buffer) => (errors = (errors + chunk.toString()).slice(-4000)));
  const first = await new Promise<string>((settle, fail) => {
    let text = "";
    child.stdout.on("data", (chunk: Buffer) => {
      text += chunk.toString();
      const end = text.indexOf("\n");
      if (end >= 0) settle(text.slice(0, end));
    });
    void ended.then((code) => fail(new Error(`slipway up ended with ${code}: ${errors}${text}`)));
    setTimeout(() => fail(new Error(`slipway up wasn't ready in time: ${errors}`)), READY_MS).unref();
  });
  const ready = JSON.parse(first) as Ready & { error?: { message: string } };
  if (ready.error) throw new Error(`slipway up refused: ${ready.error.message}`);
  return {
    ...ready,
    process: child,
    ended,
    async stop() {
      child.kill("SIGTERM");
      return await ended;
    },
  };
}

/** Runs a program to its end. */
export function run(
  program: string,
  args: readonly string[],
  options: { cwd?: string; env?: Record<string, string>; timeoutMs?: number } = {},
): Promise<{ code: number | null; output: string }> {
  return new Promise((settle, fail) => {
    const child = spawn(program, args, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: ["ignore", "pipe", "pipe"],
      timeout: options.timeoutMs ?? RUN_MS,
    });
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
    child.on("error", fail);
    child.on("close", (code) => settle({ code, output }));
  });
}

const IDENTITY = ["-c", "user.name=tester", "-c", "user.email=tester@localhost"];

/** The real git client, in a work tree. */
export function git(cwd: string, ...args: string[]): Promise<{ code: number | null; output: string }> {
  return run("git", [...IDENTITY, ...args], { cwd, env: { GIT_TERMINAL_PROMPT: "0" } });
}

/** The real command. */
export function slipway(
  args: readonly string[],
  cwd?: string,
): Promise<{ code: number | null; output: string }> {
  return run(process.execPath, [command, ...args], cwd === undefined ? {} : { cwd });
}

/** GET of our own API. */
export async function api<T>(platform: { url: string }, path: string): Promise<T> {
  const answer = await fetch(`${platform.url}/api/slipway/v1${path}`, {
    signal: AbortSignal.timeout(10_000),
  });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as T;
}

/** Asks again until the answer is no longer undefined; a failed question counts as undefined. */
export async function eventually<T>(
  what: string,
  question: () => Promise<T | undefined>,
  timeoutMs = 90_000,
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  let last: unknown;
  while (Date.now() < deadline) {
    try {
      const answer = await question();
      if (answer !== undefined) return answer;
    } catch (error) {
      last = error;
    }
    await new Promise((settle) => setTimeout(settle, 50));
  }
  throw new Error(`not within ${timeoutMs} ms: ${what}`, { cause: last });
}

/** Processes that belong to a data folder: it stands in their command line, environment or working folder (Linux). */
export function processesOf(dataDir: string): { pid: number; role: string }[] {
  const found: { pid: number; role: string }[] = [];
  for (const name of readdirSync("/proc").filter((entry) => /^\d+$/.test(entry))) {
    try {
      const words = readFileSync(`/proc/${name}/cmdline`, "utf8");
      const environment = readFileSync(`/proc/${name}/environ`, "utf8");
      if (Number(name) === process.pid) continue;
      const folder = readlinkSync(`/proc/${name}/cwd`);
      if (![words, environment, folder].some((text) => text.includes(dataDir))) continue;
      found.push({ pid: Number(name), role: roleOf(words) });
    } catch {
      // It ended while we looked.
    }
  }
  return found;
}

/** Workers name themselves, also the one that waits for a model; our other processes say it in their arguments; what else runs there is a step or git. */
function roleOf(commandLine: string): string {
  if (commandLine.startsWith("slipway worker (spare)")) return "spare";
  if (commandLine.startsWith("slipway worker")) return "worker";
  const role = /__role\0([^\0]+)/.exec(commandLine)?.[1];
  return role ?? (commandLine.includes("\0up\0") ? "supervisor" : "step");
}

export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}
