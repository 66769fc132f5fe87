import { spawn } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { runProgram } from "../../src/cli/program.ts";
import { createKubernetesTools } from "../../src/roles/kubernetes-tools.ts";
import type { UpOptions } from "../../src/cli/up-options.ts";

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..", "..");

export interface Ran {
  code: number;
  out: string;
  err: string;
}

export interface Around {
  cwd?: string;
  env?: Record<string, string>;
  stdin?: string;
  isInteractive?: boolean;
  columns?: number;
  up?: (options: UpOptions) => Promise<number>;
}

/** Runs a command line in this process. */
export async function run(argv: readonly string[], around: Around = {}): Promise<Ran> {
  let out = "";
  let err = "";
  const code = await runProgram(
    {
      argv,
      env: around.env ?? {},
      packageDir: ROOT,
      // A clone's dist/ is a link to a folder for each build.
      mainFile: join(ROOT, ".builds", "1", "main.js"),
      writerFile: join(ROOT, ".builds", "1", "writer-thread.js"),
    },
    { up: around.up ?? (async () => 0), kubernetes: async () => createKubernetesTools() },
    {
      write: (text) => void (out += text),
      writeError: (text) => void (err += text),
      stdin: (async function* () {
        yield new TextEncoder().encode(around.stdin ?? "");
      })(),
      isInteractive: around.isInteractive ?? false,
      columns: around.columns,
      cwd: around.cwd ?? ROOT,
      now: () => 1_700_000_000_000,
      sleep: (ms) => new Promise((resolve) => setTimeout(resolve, Math.min(ms, 20))),
    },
  );
  return { code, out, err };
}

/** Runs the command as people do: a process of its own. */
export function slipway(argv: readonly string[], around: Around = {}): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(ROOT, "bin", "slipway"), ...argv], {
      cwd: around.cwd ?? ROOT,
      env: { PATH: process.env.PATH, HOME: process.env.HOME, ...around.env },
      timeout: 25_000,
    });
    let out = "";
    let err = "";
    child.stdout.on("data", (chunk) => (out += String(chunk)));
    child.stderr.on("data", (chunk) => (err += String(chunk)));
    child.on("error", reject);
    child.on("close", (code) => resolve({ code: code ?? -1, out, err }));
    child.stdin.end(around.stdin ?? "");
  });
}
