import { readFile } from "node:fs/promises";
import { basename, dirname, extname, join, relative, resolve } from "node:path";
import type { Command } from "commander";
import { replaceText } from "../../../base/replace-text.ts";
import { SlipwayError } from "../../../http/errors.ts";
import { printJson, withHelp } from "../../context.ts";
import type { CliContext } from "../../context.ts";
import { EXIT, exitCodesHelp } from "../../exit.ts";
import type { ChartReading, LockRow } from "../../kubernetes-tools.ts";
import { table } from "../../terminal.ts";
import { openPlatform, withJson } from "./open-file.ts";

interface LockOptions {
  file: string;
  check?: boolean;
  from: string[];
  json?: boolean;
}

/** Beside the file, by its name: `platform.yaml` has `platform.lock.yaml`, and two platforms may share a folder. */
function lockOf(file: string): string {
  return join(dirname(file), `${basename(file, extname(file))}.lock.yaml`);
}

/** `slipway platform lock`: which version of everything the platform is made of. */
export function addPlatformLock(platform: Command, context: CliContext): void {
  const command = withJson(
    platform
      .command("lock")
      .description(
        "write platform.lock.yaml: the version of every chart, image and definition; and read what charts make into charts/",
      )
      .option("-f, --file <file>", "the platform's file, or a .ts file that gives one", "platform.yaml")
      .option(
        "--from <row=path>",
        "read a chart or manifests from a folder or file instead (again for more)",
        (one: string, before: string[]) => [...before, one],
        [],
      )
      .option("--check", "write nothing; exit code 1 when the lock isn't what it would be"),
  ).action(context.action((options: LockOptions) => lock(context, options)));
  withHelp(
    command,
    [
      "slipway platform lock",
      "slipway platform lock --from cert-manager=mirror/cert-manager-v1.21.1.tgz",
      "slipway platform lock --check",
    ],
    exitCodesHelp(),
  );
}

function lock(context: CliContext, options: LockOptions): Promise<number> {
  return openPlatform(context, options, async ({ tools, parsed, spec, charts }) => {
    const { stringify } = await import("../../../base/yaml.ts");
    const versions = [parsed.base, ...parsed.environments.values()];
    const rows = tools.lock(versions, charts);
    const from = sources(options.from, rows, context.terminal.cwd);
    const text = `# Written by \`slipway platform lock\`. Nothing else names a version.\n${stringify({ rows })}`;
    const path = lockOf(spec.path);
    const before = await readFile(path, "utf8").catch(() => undefined);
    const isCurrent = before === text;
    if (options.check !== true && !isCurrent) await replaceText(path, text);
    const readings = options.check === true ? [] : await tools.readCharts(versions, charts, from);
    const isRead = readings.every(({ state }) => state !== "unread");
    const shown = relative(context.terminal.cwd, path);
    if (options.json === true)
      printJson(context, {
        ok: isRead && (isCurrent || options.check !== true),
        file: path,
        rows,
        charts: readings,
      });
    else if (options.check === true && !isCurrent)
      context.terminal.writeError(`${shown} isn't what it would be; run \`slipway platform lock\`\n`);
    else {
      context.terminal.write(`${describe(rows)}${isCurrent ? "" : `\nwrote ${shown}\n`}`);
      tellCharts(context, readings);
    }
    return isRead && (isCurrent || options.check !== true) ? EXIT.ok : EXIT.failed;
  });
}

/** `--from row=path`, by row. CHART_NOT_READ for a row that the platform hasn't. */
function sources(given: readonly string[], rows: readonly LockRow[], cwd: string): Map<string, string> {
  return new Map(
    given.map((one) => {
      const [row = "", ...path] = one.split("=");
      if (path.length > 0 && rows.some((known) => known.row === row))
        return [row, resolve(cwd, path.join("="))];
      throw new SlipwayError("CHART_NOT_READ", `--from ${one} names no row of this platform`, {
        given: one,
        allowed: `ROW=PATH, with ROW one of ${rows.map((known) => known.row).join(", ")}`,
      });
    }),
  );
}

/** What was read on stdout, what can't be had on stderr: until it is, the platform is unverified there. */
function tellCharts({ terminal }: CliContext, readings: readonly ChartReading[]): void {
  for (const { row, file, state, why } of readings)
    if (state === "read") terminal.write(`read ${row} into charts/${file}\n`);
    else if (state === "unread") terminal.writeError(`unverified: ${row} isn't read: ${why}\n`);
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
