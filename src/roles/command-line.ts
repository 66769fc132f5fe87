import type { Invocation } from "../base/invocation.ts";
import { askSecret } from "../cli/ask-secret.ts";
import { runProgram } from "../cli/program.ts";
import type { Hooks } from "../cli/context.ts";
import type { Terminal } from "../cli/terminal.ts";

/** Runs one `slipway` command and answers its exit code. */
export async function runCommandLine(invocation: Invocation): Promise<number> {
  let isPlatform = false;
  // `slipway logs … | head` closes the pipe, which ends the command; a platform outlives whoever read its output.
  for (const stream of [process.stdout, process.stderr])
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") throw error;
      if (!isPlatform) process.exit(0);
    });
  const terminal: Terminal = {
    write: (text) => void process.stdout.write(text),
    writeError: (text) => void process.stderr.write(text),
    stdin: process.stdin,
    isInteractive: process.stdout.isTTY === true,
    columns: process.stdout.columns,
    cwd: process.cwd(),
    now: () => Date.now(),
    sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    onInterrupt: (listener) => {
      process.once("SIGINT", listener);
      return () => void process.off("SIGINT", listener);
    },
    askSecret: process.stdin.isTTY
      ? (question) => askSecret(process.stdin, (text) => void process.stderr.write(text), question)
      : undefined,
  };
  const hooks: Hooks = {
    up: async (options) => {
      isPlatform = true;
      const { runUp } = await import("./up.ts");
      return runUp(invocation, options);
    },
    kubernetes: async () => {
      const { createKubernetesTools } = await import("./kubernetes-tools.ts");
      return createKubernetesTools();
    },
  };
  return runProgram(invocation, hooks, terminal);
}
