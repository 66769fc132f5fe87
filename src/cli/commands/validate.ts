import type { Command } from "commander";
import { printJson, withHelp } from "../context.ts";
import type { CliContext } from "../context.ts";
import { EXIT, exitCodesHelp } from "../exit.ts";
import type { SpecFile } from "../spec-file.ts";

interface ValidateOptions {
  json?: boolean;
  write?: boolean;
}

/** `slipway validate [FILE]`: all problems of a file at once, without a platform. */
export function addValidate(program: Command, context: CliContext): void {
  const command = program
    .command("validate")
    .description("check slipway.yaml or platform.yaml, or a .ts file that gives one")
    .argument("[file]", "the file, or a folder that holds slipway.yaml", "slipway.yaml")
    .option("--write", "of a .ts file: write slipway.yaml beside it when it is right")
    .option("--json", "print JSON")
    .action(context.action((file: string, options: ValidateOptions) => validate(context, file, options)));
  withHelp(
    command,
    [
      "slipway validate",
      "slipway validate models/churn",
      "slipway validate platform.yaml",
      "slipway validate slipway.ts --write",
    ],
    exitCodesHelp("failed"),
  );
}

async function validate(context: CliContext, given: string, options: ValidateOptions): Promise<number> {
  // Loaded here: zod and yaml would double the start time of every other command.
  const [{ readSpec, writeYaml }, { parseProject }, { formatProblems }] = await Promise.all([
    import("../spec-file.ts"),
    import("../../spec/parse.ts"),
    import("../../spec/format.ts"),
  ]);
  const spec = await readSpec(given, context.terminal.cwd);
  if (/^kind:\s*["']?Platform\b/m.test(spec.yaml)) return validatePlatform(context, given, options);
  const result = parseProject(spec.yaml, spec.name);
  if (!result.ok) {
    if (options.json === true) printJson(context, { ok: false, problems: result.problems });
    else context.terminal.writeError(formatProblems(result.problems, spec.yaml));
    return EXIT.failed;
  }
  const written = options.write === true ? await writeYaml(spec) : undefined;
  if (options.json === true) printJson(context, { ok: true, project: result.value });
  else {
    const { name, pipeline, model } = result.value;
    const steps = pipeline.steps.length === 1 ? "1 step" : `${pipeline.steps.length} steps`;
    const serves = model === undefined ? "no model" : `model ${model.name}`;
    context.terminal.write(`${spec.name} is valid: project ${name}, ${steps}, ${serves}\n`);
    if (written !== undefined) context.terminal.write(`wrote ${written}\n`);
  }
  return EXIT.ok;
}

async function validatePlatform(
  context: CliContext,
  file: string,
  options: ValidateOptions,
): Promise<number> {
  const { openPlatform } = await import("./platform/open-file.ts");
  const { json = false } = options;
  return openPlatform(context, { file, json }, async ({ parsed, spec }) => {
    const { platform } = parsed.base;
    const environments = [...parsed.environments.keys()];
    const written = options.write === true ? await writePlatformYaml(spec) : undefined;
    if (json) printJson(context, { ok: true, platform, environments });
    else {
      const count = (list: readonly unknown[], what: string) =>
        `${list.length} ${what}${list.length === 1 ? "" : "s"}`;
      context.terminal.write(
        `${spec.name} is valid: platform ${platform.name}, ${count(Object.keys(platform.components), "component")}, ` +
          `${count(platform.tenants, "tenant")}, ${count(environments, "environment")}\n`,
      );
      if (written !== undefined) context.terminal.write(`wrote ${written}\n`);
    }
    return EXIT.ok;
  });
}

async function writePlatformYaml(spec: SpecFile): Promise<string> {
  const { writeYaml } = await import("../spec-file.ts");
  return writeYaml(spec, "platform.yaml");
}
