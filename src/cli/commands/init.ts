import { realpathSync } from "node:fs";
import { basename, delimiter, join, relative, resolve } from "node:path";
import type { Command } from "commander";
import type { Invocation } from "../../base/invocation.ts";
import { platformUrl } from "../client.ts";
import { printJson, withHelp } from "../context.ts";
import type { CliContext } from "../context.ts";
import { EXIT, exitCodesHelp } from "../exit.ts";

interface InitOptions {
  template: string;
  name?: string;
  url?: string;
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
    .option(
      "--url <url>",
      "address of the platform to push to (or SLIPWAY_URL; default http://127.0.0.1:4600)",
    )
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
  const url = platformUrl(options.url, context.invocation.env);
  const name = projectName(options.name ?? basename(folder), options.name !== undefined);
  const files = await unpackTemplate(context.invocation.packageDir, options.template, folder, name);
  const { commit, branch } = await startRepository(
    folder,
    {
      message: `Start from the ${options.template} template`,
      remote: { name: REMOTE, url: `${url}/git/${name}.git` },
    },
    context.invocation.env,
  );
  const path = relative(context.terminal.cwd, folder);
  const next = [...(path === "" ? [] : [`cd ${quote(path)}`]), `git push ${REMOTE} ${quote(branch)}`];
  if (options.json === true)
    printJson(context, { folder, name, template: options.template, files, commit, next });
  else {
    const up = upCommand(context, new URL(url));
    context.terminal.write(
      `made project ${name} from the template ${options.template}: ${files.length} files in ${path === "" ? "." : path}\n\n` +
        (up === undefined
          ? ""
          : `Unless a platform is running, start one in another terminal, where its data may lie:\n  ${up}\n\n`) +
        `Then:\n${next.map((line) => `  ${line}\n`).join("")}`,
    );
  }
  return EXIT.ok;
}

const REMOTE = "slipway";
const DEFAULT_PORT = "4600";

/** The command that starts a platform at the address; undefined when it is on another machine. */
function upCommand({ invocation }: CliContext, { hostname, port }: URL): string | undefined {
  if (!["127.0.0.1", "localhost", "[::1]"].includes(hostname)) return undefined;
  const program = quote(howToCall(invocation));
  return port === DEFAULT_PORT ? `${program} up` : `${program} up --port ${port || "80"}`;
}

/** `slipway` where the shell finds this very program by that name, else its path. */
function howToCall({ env, packageDir }: Invocation): string {
  const own = join(packageDir, "bin", "slipway");
  const found = (env.PATH ?? "")
    .split(delimiter)
    .filter((folder) => folder !== "")
    .map((folder) => realPath(join(folder, "slipway")))
    .find((path) => path !== undefined);
  return found !== undefined && found === realPath(own) ? "slipway" : own;
}

function realPath(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}

function quote(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", String.raw`'\''`)}'`;
}
