import { spawn, type ChildProcess, type StdioOptions } from "node:child_process";
import { SlipwayError } from "../http/errors.ts";

/** Oldest Git that takes settings from the environment (GIT_CONFIG_COUNT), which keeps ours out of people's files. */
const OLDEST = [2, 31] as const;
/** From here on `core.fsync` says what is flushed; before it `core.fsyncObjectFiles` does a part of that. */
const FSYNC_SETTING = [2, 36] as const;

const DEFAULT_TIMEOUT_MS = 60_000;
const DEFAULT_MAX_BYTES = 16 * 1024 * 1024;
const MAX_STDERR_BYTES = 64 * 1024;

export interface GitDeps {
  /** Where programs are looked for, as in the environment variable. */
  path: string;
  /** The program; a bare name is looked for in `path`. */
  program?: string;
}

interface GitCall {
  /** GIT_DIR of the call; absent for calls that need no repository. */
  repository?: string;
  /** What the program reads from its standard input. */
  input?: string | Uint8Array;
  env?: Readonly<Record<string, string>>;
  timeoutMs?: number;
  /** Of the standard output; more ends the call with GIT_FAILED. */
  maxBytes?: number;
  /** Exit codes that are answers, beside 0. */
  answers?: readonly number[];
  signal?: AbortSignal;
}

interface GitAnswer {
  exitCode: number;
  stdout: Buffer;
}

/** The `git` program, called without a shell and without any configuration but ours and the repository's. */
export interface Git {
  readonly version: readonly [number, number];
  /** Runs to the end. GIT_FAILED carries the last line of standard error. */
  run(args: readonly string[], call?: GitCall): Promise<GitAnswer>;
  /** Standard output as text without its last newline. */
  text(args: readonly string[], call?: GitCall): Promise<string>;
  /** Starts it in a process group of its own, with streams for the caller to use. `config` wins over the repository's. */
  start(
    args: readonly string[],
    options: {
      env: Readonly<Record<string, string>>;
      config: readonly (readonly [string, string])[];
      stdio: StdioOptions;
    },
  ): ChildProcess;
}

/** Finds Git and its version. GIT_MISSING or GIT_TOO_OLD say what to install. */
export async function openGit(deps: GitDeps): Promise<Git> {
  const program = deps.program ?? "git";
  const probe: Caller = { program, env: cleanEnv(deps.path, []) };
  const said = (await call(probe, ["--version"], {})).stdout.toString().trim();
  const found = /(\d+)\.(\d+)/.exec(said);
  const version = [Number(found?.[1] ?? 0), Number(found?.[2] ?? 0)] as const;
  if (isOlder(version, OLDEST)) {
    throw new SlipwayError("GIT_TOO_OLD", `${said} is too old`, {
      given: said,
      allowed: `git ${OLDEST.join(".")} or newer`,
    });
  }
  const caller: Caller = { program, env: cleanEnv(deps.path, settings(version)) };
  return {
    version,
    run: (args, options = {}) => call(caller, args, options),
    text: async (args, options = {}) =>
      (await call(caller, args, options)).stdout.toString("utf8").replace(/\n$/, ""),
    start: (args, { env, config, stdio }) =>
      spawn(program, args, {
        env: { ...cleanEnv(deps.path, [...settings(version), ...config]), ...env },
        cwd: "/",
        stdio,
        detached: true,
      }),
  };
}

interface Caller {
  program: string;
  env: Record<string, string>;
}

function isOlder(version: readonly [number, number], than: readonly [number, number]): boolean {
  return version[0] < than[0] || (version[0] === than[0] && version[1] < than[1]);
}

function settings(version: readonly [number, number]): (readonly [string, string])[] {
  return [
    // A volume is often owned by another user than the process; whoever can reach it is decided elsewhere.
    ["safe.directory", "*"],
    isOlder(version, FSYNC_SETTING) ? ["core.fsyncObjectFiles", "true"] : ["core.fsync", "all"],
    ["core.filesRefLockTimeout", "5000"],
    ["core.packedRefsTimeout", "5000"],
    ["gc.auto", "0"],
    ["maintenance.auto", "false"],
  ];
}

/** Nothing of the machine's or a person's Git settings may change what the platform stores. */
function cleanEnv(path: string, entries: readonly (readonly [string, string])[]): Record<string, string> {
  const env: Record<string, string> = {
    PATH: path,
    LC_ALL: "C",
    HOME: "/nonexistent",
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_TERMINAL_PROMPT: "0",
    GIT_OPTIONAL_LOCKS: "0",
    GIT_AUTHOR_NAME: "Slipway",
    GIT_AUTHOR_EMAIL: "slipway@localhost",
    GIT_COMMITTER_NAME: "Slipway",
    GIT_COMMITTER_EMAIL: "slipway@localhost",
    GIT_CONFIG_COUNT: String(entries.length),
  };
  entries.forEach(([key, value], index) => {
    env[`GIT_CONFIG_KEY_${index}`] = key;
    env[`GIT_CONFIG_VALUE_${index}`] = value;
  });
  return env;
}

function call(caller: Caller, args: readonly string[], options: GitCall): Promise<GitAnswer> {
  const { timeoutMs = DEFAULT_TIMEOUT_MS, maxBytes = DEFAULT_MAX_BYTES, answers = [] } = options;
  return new Promise((resolve, reject) => {
    const child = spawn(caller.program, args, {
      env: { ...caller.env, ...options.env, ...(options.repository ? { GIT_DIR: options.repository } : {}) },
      // Nothing may be found by looking around in the folder that the platform was started in.
      cwd: "/",
      stdio: ["pipe", "pipe", "pipe"],
    });
    let ended: string | undefined;
    const end = (why: string): void => {
      ended ??= why;
      child.kill("SIGKILL");
      // What it has started may hold the other ends open.
      child.stdout.destroy();
      child.stderr.destroy();
    };
    const timer = setTimeout(() => end(`took longer than ${timeoutMs} ms`), timeoutMs);
    const abort = (): void => end("was cancelled");
    if (options.signal?.aborted) abort();
    options.signal?.addEventListener("abort", abort, { once: true });
    const stdout: Uint8Array[] = [];
    let bytes = 0;
    let stderr = "";
    child.stdout.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > maxBytes) end(`answered more than ${maxBytes} bytes`);
      // The installed typings of Buffer are older than the compiler's Uint8Array.
      else stdout.push(chunk as unknown as Uint8Array);
    });
    child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
      stderr = (stderr + chunk).slice(-MAX_STDERR_BYTES);
    });
    // A program that ends before it has read everything is judged by its exit code.
    child.stdin.on("error", () => {});
    child.stdin.end(options.input);
    child.on("error", (cause) => {
      clearTimeout(timer);
      reject(startFailure(cause, caller.program));
    });
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      options.signal?.removeEventListener("abort", abort);
      if (ended === undefined && code !== null && (code === 0 || answers.includes(code))) {
        resolve({ exitCode: code, stdout: Buffer.concat(stdout) });
        return;
      }
      const why = ended ?? (lastLine(stderr) || `ended with ${signal ?? `exit code ${code}`}`);
      reject(
        new SlipwayError("GIT_FAILED", `git ${args[0]}: ${why}`, {
          ...(options.repository ? { where: options.repository } : {}),
          details: { exitCode: code, signal },
        }),
      );
    });
  });
}

function startFailure(cause: unknown, program: string): unknown {
  if ((cause as NodeJS.ErrnoException).code !== "ENOENT") return cause;
  return new SlipwayError("GIT_MISSING", `there is no ${program} on this machine's PATH`, { cause });
}

function lastLine(text: string): string {
  return text.trimEnd().split("\n").at(-1)?.trim() ?? "";
}
