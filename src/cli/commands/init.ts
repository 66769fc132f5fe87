import { basename, relative, resolve } from "node:path";
import type { Command } from "commander";
import { printJson, withHelp } from "../context.ts";
import type { CliContext } from "../context.ts";
import { EXIT, exitCodesHelp } from "../exit.ts";

interface InitOptions {
  template: string;
  name?: string;
  json?: boolean;
}

/** `slipway init [DIR]`: a project from a template, in a Git repository with its first commit. */
export function addInit(program: Command, context: CliContext): void {
  const command = program
    .command("init")
    .description("make a project from a template")
    .argument("[dir]", "new or empty folder", ".")
    .option("--template <name>", "what to start from", "digits")
    .option("--name <name>", "the project's name (default: the folder's)")
    .option("--json", "print JSON")
    .action(context.action((dir: string, options: InitOptions) => init(context, dir, options)));
  withHelp(
    command,
    ["slipway init digits", "slipway init churn --template minimal", "slipway init . --name churn"],
    exitCodesHelp("refused", "notFound"),
  );
}

async function init(context: CliContext, dir: string, options: InitOptions): Promise<number> {
  const { projectName, unpackTemplate } = await import("../template.ts");
  const { startRepository } = await import("../first-commit.ts");
  const folder = resolve(context.terminal.cwd, dir);
  const name = projectName(options.name ?? basename(folder), options.name !== undefined);
  const files = await unpackTemplate(context.invocation.mainFile, options.template, folder, name);
  const { commit } = await startRepository(
    folder,
    `Start from the ${options.template} template`,
    context.invocation.env,
  );
  const url = context.invocation.env.SLIPWAY_URL ?? "http://127.0.0.1:4600";
  const path = relative(context.terminal.cwd, folder);
  const next = [
    ...(path === "" ? [] : [`cd ${quote(path)}`]),
    `git remote add slipway ${url.replace(/\/+$/, "")}/git/${name}.git`,
    "git push slipway main",
  ];
  if (options.json === true)
    printJson(context, { folder, name, template: options.template, files, commit, next });
  else
    context.terminal.write(
      `made project ${name} from the template ${options.template}: ${files.length} files in ${path === "" ? "." : path}\n\n` +
        `Start the platform in another terminal, where its data may lie:\n  slipway up\n\nThen:\n${next.map((line) => `  ${line}\n`).join("")}`,
    );
  return EXIT.ok;
}

function quote(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", String.raw`'\''`)}'`;
}
