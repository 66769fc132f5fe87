import { access, mkdir, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative, resolve } from "node:path";
import type { Command } from "commander";
import { SlipwayError } from "../../../http/errors.ts";
import { printJson, withHelp } from "../../context.ts";
import type { CliContext } from "../../context.ts";
import { EXIT, exitCodesHelp } from "../../exit.ts";
import { withJson } from "./open-file.ts";
import { LOCAL_CLUSTERS, starterPlatform } from "./starter.ts";

interface InitOptions {
  name?: string;
  local?: string;
  json?: boolean;
}

/** `slipway platform init [DIR]`: a platform.yaml to go on from, and a cluster on this machine for it. */
export function addPlatformInit(platform: Command, context: CliContext): void {
  const command = withJson(
    platform
      .command("init")
      .description("write a platform.yaml to go on from; with --local a cluster's file too")
      .argument("[dir]", "the folder", ".")
      .option("--name <name>", "the platform's name (default: the folder's)")
      .option("--local <kind>", `a cluster on this machine: ${Object.keys(LOCAL_CLUSTERS).join(" or ")}`),
  ).action(context.action((dir: string, options: InitOptions) => init(context, dir, options)));
  withHelp(
    command,
    ["slipway platform init", "slipway platform init platform --name delivery --local kind"],
    exitCodesHelp("refused"),
  );
}

async function init(context: CliContext, dir: string, options: InitOptions): Promise<number> {
  const [{ projectName }, tools] = await Promise.all([
    import("../../template.ts"),
    context.hooks.kubernetes(),
  ]);
  const { cwd } = context.terminal;
  const folder = resolve(cwd, dir);
  const name = projectName(options.name ?? basename(folder), options.name !== undefined);
  const cluster = options.local === undefined ? undefined : localCluster(options.local)(name);
  const files = new Map(Object.entries(cluster?.files ?? {}));
  // Who has a platform already wants the cluster's file only.
  const isNew = cluster === undefined || !(await exists(join(folder, "platform.yaml")));
  if (isNew) files.set("platform.yaml", starterPlatform(name, tools.components));
  await writeNew(folder, files);

  const commands = cluster?.commands ?? [];
  const written = [...files.keys()].sort();
  if (options.json === true)
    printJson(context, { folder, name, files: written, commands, registry: cluster?.registry });
  else {
    const where = relative(cwd, folder);
    context.terminal.write(
      `wrote ${written.map((file) => join(where, file)).join(", ")}\n\n` +
        (commands.length === 0
          ? ""
          : `A cluster on this machine, with a registry that its nodes know as ${cluster?.registry}; in ${where || "this folder"}:\n${commands.map((line) => `  ${line}\n`).join("")}\n`) +
        `Then:\n  slipway platform render --out deploy\n`,
    );
  }
  return EXIT.ok;
}

function localCluster(kind: string): (typeof LOCAL_CLUSTERS)[string] {
  const found = Object.hasOwn(LOCAL_CLUSTERS, kind) ? LOCAL_CLUSTERS[kind] : undefined;
  if (found !== undefined) return found;
  throw new SlipwayError("USAGE", "there is no such cluster", {
    where: "--local",
    given: kind,
    allowed: Object.keys(LOCAL_CLUSTERS).join(", "),
  });
}

/** Writes all or, when one exists, none. FOLDER_NOT_EMPTY. */
async function writeNew(folder: string, files: ReadonlyMap<string, string>): Promise<void> {
  for (const name of files.keys())
    if (await exists(join(folder, name)))
      throw new SlipwayError("FOLDER_NOT_EMPTY", `${name} exists already; nothing was written`, {
        where: folder,
      });
  for (const [name, text] of files) {
    const path = join(folder, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text, { flag: "wx" });
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
