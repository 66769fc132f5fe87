import { spawn } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const command = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "..", "bin", "slipway");
const LONGEST_MS = 240_000;

export interface Ran {
  /** The exit code; null when it was killed. */
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs the real command against the cluster of a kubeconfig; `killAfter` lines of output it gets SIGKILL. */
export function slipway(kubeconfig: string, args: readonly string[], killAfter = Infinity): Promise<Ran> {
  const child = spawn(process.execPath, [command, ...args], {
    env: { ...process.env, KUBECONFIG: kubeconfig, NO_COLOR: "1" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const ran: Ran = { code: null, stdout: "", stderr: "" };
  let lines = 0;
  for (const name of ["stdout", "stderr"] as const)
    child[name].setEncoding("utf8").on("data", (text: string) => {
      ran[name] += text;
      lines += text.split("\n").length - 1;
      if (lines >= killAfter) child.kill("SIGKILL");
    });
  const longest = setTimeout(() => child.kill("SIGKILL"), LONGEST_MS);
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => {
      clearTimeout(longest);
      resolve({ ...ran, code });
    });
  });
}

/** The JSON that it printed. Throws with all of its output when it ended otherwise than with 0. */
export async function slipwayJson<Answer>(kubeconfig: string, args: readonly string[]): Promise<Answer> {
  const { code, stdout, stderr } = await slipway(kubeconfig, [...args, "--json"]);
  if (code !== 0) throw new Error(`slipway ${args.join(" ")}: ${code}\n${stdout}\n${stderr}`);
  return JSON.parse(stdout) as Answer;
}
