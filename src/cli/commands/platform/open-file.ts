import { dirname, join } from "node:path";
import type { Command } from "commander";
import { SlipwayError } from "../../../http/errors.ts";
import { nearest } from "../../../spec/nearest.ts";
import type { ParsedPlatform, PlatformAt } from "../../../spec/platform/parse.ts";
import { printJson } from "../../context.ts";
import type { CliContext } from "../../context.ts";
import { EXIT } from "../../exit.ts";
import type { KubernetesTools } from "../../kubernetes-tools.ts";
import type { SpecFile } from "../../spec-file.ts";

/** Options of every command that reads platform.yaml. */
export interface PlatformFileOptions {
  file: string;
  environment?: string;
  json?: boolean;
}

/** Adds what every command that reads platform.yaml takes. */
export function withPlatformFile(command: Command): Command {
  return withJson(
    command
      .option("-f, --file <file>", "the platform's file, or a .ts file that gives one", "platform.yaml")
      .option("-e, --environment <name>", "with the overlay of this environment"),
  );
}

/** Adds `--json`. */
export function withJson(command: Command): Command {
  return command.option("--json", "print JSON");
}

/** A platform that was read, and what works on it. */
export interface OpenPlatform {
  tools: KubernetesTools;
  /** In the environment that was named. */
  at: PlatformAt;
  parsed: ParsedPlatform;
  spec: SpecFile;
  /** Beside the file: where the output of charts is kept. */
  charts: string;
}

/**
 * Reads platform.yaml and calls `use` with it. Problems of the file are printed, all at once, and end the command with
 * exit code 1. PLATFORM_ENVIRONMENT_UNKNOWN names the nearest one.
 */
export async function openPlatform(
  context: CliContext,
  options: PlatformFileOptions,
  use: (opened: OpenPlatform) => Promise<number>,
): Promise<number> {
  // Loaded here: zod and yaml would double the start time of every other command.
  const [{ readSpec }, tools] = await Promise.all([import("../../spec-file.ts"), context.hooks.kubernetes()]);
  const spec = await readSpec(options.file, context.terminal.cwd, "platform.yaml");
  const result = tools.parse(spec.yaml, spec.name);
  if (!result.ok) {
    const { formatProblems } = await import("../../../spec/format.ts");
    if (options.json === true) printJson(context, { ok: false, problems: result.problems });
    else context.terminal.writeError(formatProblems(result.problems, result.text));
    return EXIT.failed;
  }
  const at = environmentOf(result.value, options.environment);
  return use({ tools, at, parsed: result.value, spec, charts: join(dirname(spec.path), "charts") });
}

/** The platform in an environment; as the file stands when none is named. */
export function environmentOf({ base, environments }: ParsedPlatform, name: string | undefined): PlatformAt {
  if (name === undefined) return base;
  const found = environments.get(name);
  if (found !== undefined) return found;
  const near = nearest(name, environments.keys());
  throw new SlipwayError(
    "PLATFORM_ENVIRONMENT_UNKNOWN",
    `the file has no environment ${name}${near === undefined ? "" : `; did you mean ${near}?`}`,
    { given: name, allowed: [...environments.keys()].join(", ") || "none: the file has no environments" },
  );
}
