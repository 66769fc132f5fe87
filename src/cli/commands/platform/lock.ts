import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import type { Command } from "commander";
import { printJson, withHelp } from "../../context.ts";
import type { CliContext } from "../../context.ts";
import { EXIT, exitCodesHelp } from "../../exit.ts";
import type { LockRow } from "../../kubernetes-tools.ts";
import { table } from "../../terminal.ts";
import { openPlatform, withJson } from "./open-file.ts";

interface LockOptions {
  file: string;
  check?: boolean;
  json?: boolean;
}

const FILE = "platform.lock.yaml";

/** `slipway platform lock`: which version of everything the platform is made of. */
export function addPlatformLock(platform: Command, context: CliContext): void {
  const command = withJson(
    platform
      .command("lock")
      .description(`write ${FILE}: the version of every chart, image and definition`)
      .option("-f, --file <file>", "the platform's file, or a .ts file that gives one", "platform.yaml")
      .option("--check", "write nothing; exit code 1 when the lock isn't what it would be"),
  ).action(context.action((options: LockOptions) => lock(context, options)));
  withHelp(command, ["slipway platform lock", "slipway platform lock --check"], exitCodesHelp());
}

function lock(context: CliContext, options: LockOptions): Promise<number> {
  return openPlatform(context, options, async ({ tools, parsed, spec }) => {
    const { stringify } = await import("yaml");
    const rows = tools.lock([parsed.base, ...parsed.environments.values()]);
    const text = `# Written by \`slipway platform lock\`. Nothing else names a version.\n${stringify({ rows })}`;
    const path = join(dirname(spec.path), FILE);
    const before = await readFile(path, "utf8").catch(() => undefined);
    const isCurrent = before === text;
    if (options.check !== true && !isCurrent) await replace(path, text);
    const shown = relative(context.terminal.cwd, path);
    if (options.json === true)
      printJson(context, { ok: isCurrent || options.check !== true, file: path, rows });
    else if (options.check === true && !isCurrent)
      context.terminal.writeError(`${shown} isn't what it would be; run \`slipway platform lock\`\n`);
    else context.terminal.write(`${describe(rows)}${isCurrent ? "" : `\nwrote ${shown}\n`}`);
    return isCurrent || options.check !== true ? EXIT.ok : EXIT.failed;
  });
}

function describe(rows: readonly LockRow[]): string {
  if (rows.length === 0) return "the platform is made of nothing that has a version\n";
  return table(
    ["WHAT", "KIND", "VERSION", "PROVEN", "LICENCE"],
    rows.map(({ row, kind, version, proven, licence }) => [
      row,
      kind,
      version,
      proven === undefined ? "unverified" : `${proven.version}, ${proven.how}`,
      licence,
    ]),
  );
}

async function replace(path: string, text: string): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    await writeFile(temporary, text);
    await rename(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
}
