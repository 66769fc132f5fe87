import type { Command } from "commander";
import { SlipwayError } from "../../../http/errors.ts";
import { parseDuration } from "../../../spec/units.ts";
import type { Answer, ClusterTools } from "../../cluster-tools.ts";
import { printJson } from "../../context.ts";
import type { CliContext } from "../../context.ts";
import { EXIT } from "../../exit.ts";
import { tame } from "../../terminal.ts";
import { openPlatform, withPlatformFile } from "./open-file.ts";
import type { PlatformFileOptions } from "./open-file.ts";

/** Options of every command that talks to a cluster. */
export interface ClusterOptions extends PlatformFileOptions {
  kubeconfig?: string;
  context?: string;
}

/** Adds what every command takes that reads platform.yaml and talks to a cluster. */
export function withCluster(command: Command): Command {
  return withPlatformFile(command)
    .option("--kubeconfig <file>", "how the cluster is reached (or KUBECONFIG; default ~/.kube/config)")
    .option("--context <name>", "of the kubeconfig (default: kubernetes.context, or the current one)");
}

/** Reads platform.yaml, lets `use` work on its cluster, and prints what it answers: exit code 1 where all isn't well. */
export function onCluster(
  context: CliContext,
  options: ClusterOptions,
  use: (cluster: ClusterTools) => Promise<Answer>,
): Promise<number> {
  return openPlatform(context, options, async ({ tools, at, charts, spec }) => {
    const { terminal, invocation, version } = context;
    const { kubeconfig, context: name } = options;
    const cluster = await tools.cluster({
      at,
      charts,
      file: spec.name,
      ...(kubeconfig === undefined ? {} : { kubeconfig }),
      ...(name === undefined ? {} : { context: name }),
      env: invocation.env,
      cwd: terminal.cwd,
      version,
      tell: (line) => terminal.writeError(`${tame(line)}\n`),
    });
    const answer = await use(cluster);
    printAnswer(context, options, answer);
    return answer.isWell ? EXIT.ok : EXIT.failed;
  });
}

export function printAnswer(context: CliContext, { json }: { json?: boolean }, answer: Answer): void {
  if (json === true) printJson(context, answer.json);
  else context.terminal.write(answer.lines.map((line) => `${tame(line)}\n`).join(""));
}

/** `--timeout` in milliseconds. */
export function readTimeout(text: string): number {
  const ms = parseDuration(text);
  if (ms !== undefined && ms > 0) return ms;
  throw new SlipwayError("USAGE", "that isn't a length of time", {
    where: "--timeout",
    given: text,
    allowed: "such as 90s, 10m or 1h",
  });
}

/** Asks a person on the terminal. */
export async function isAgreed({ terminal }: CliContext, question: string): Promise<boolean> {
  terminal.writeError(`${question} [y/N] `);
  let typed = "";
  for await (const chunk of terminal.stdin) {
    typed += new TextDecoder().decode(chunk);
    if (typed.includes("\n") || typed.length > 100) break;
  }
  return /^\s*y(es)?\s*$/i.test(typed.split("\n", 1)[0] ?? "");
}
