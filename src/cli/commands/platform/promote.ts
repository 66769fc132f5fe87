import { writeFile } from "node:fs/promises";
import { basename, dirname } from "node:path";
import type { Command } from "commander";
import { SlipwayError } from "../../../http/errors.ts";
import { formatPart } from "../../../spec/platform/differences.ts";
import type { Difference, PartPath } from "../../../spec/platform/differences.ts";
import type { Promotion } from "../../../spec/platform/promote.ts";
import { printJson, withHelp } from "../../context.ts";
import type { CliContext } from "../../context.ts";
import { EXIT, exitCodesHelp } from "../../exit.ts";
import { must, runGit } from "../../git.ts";
import { table, tame } from "../../terminal.ts";
import { environmentOf, openPlatform, withJson } from "./open-file.ts";
import type { OpenPlatform } from "./open-file.ts";

interface PromoteOptions {
  file: string;
  part?: string[];
  dryRun?: boolean;
  commit: boolean;
  json?: boolean;
}

/** `slipway platform promote FROM TO`: what runs in one environment into the next, as a commit. */
export function addPlatformPromote(platform: Command, context: CliContext): void {
  const command = withJson(
    platform
      .command("promote")
      .description("carry what runs in one environment into another, as a commit")
      .argument("<from>", "environment whose versions are carried")
      .argument("<to>", "environment that gets them")
      .option("-f, --file <file>", "the platform's file", "platform.yaml")
      .option(
        "--part <part...>",
        "what is carried, * for any name (default: images, and what tenants' services serve)",
      )
      .option("--dry-run", "say what would change and change nothing")
      .option("--no-commit", "write the file and leave the commit to you"),
  ).action(
    context.action((from: string, to: string, options: PromoteOptions) =>
      promotePlatform(context, [from, to], options),
    ),
  );
  withHelp(
    command,
    [
      "slipway platform promote staging production --dry-run",
      "slipway platform promote staging production",
      "slipway platform promote dev staging --part images.slipway --part components.kserve",
    ],
    exitCodesHelp("refused", "notFound"),
  );
}

function promotePlatform(
  context: CliContext,
  [from, to]: readonly [string, string],
  options: PromoteOptions,
): Promise<number> {
  return openPlatform(context, options, async (opened) => {
    for (const name of [from, to]) environmentOf(opened.parsed, name);
    if (opened.spec.isTypeScript)
      throw new SlipwayError("USAGE", "a .ts file is changed by its author: promote changes platform.yaml", {
        given: opened.spec.name,
      });
    const { promote } = await import("../../../spec/platform/promote.ts");
    const promotion = promote(opened.spec.yaml, from, to, partsOf(options.part));
    const isChange = promotion.carried.length > 0 && options.dryRun !== true;
    const commit = isChange ? await carry(context, opened, { promotion, from, to, options }) : undefined;
    const { carried, kept } = promotion;
    if (options.json === true)
      printJson(context, { ok: true, from, to, carried, kept, commit: commit ?? null });
    else context.terminal.write(report({ from, to, promotion, commit, isWritten: isChange }));
    return EXIT.ok;
  });
}

function partsOf(given: readonly string[] | undefined): PartPath[] | undefined {
  return given?.map((part) => part.split("."));
}

interface Carrying {
  promotion: Promotion;
  from: string;
  to: string;
  options: PromoteOptions;
}

/** Writes the file, and commits it alone; answers the commit. */
async function carry(
  context: CliContext,
  { spec, tools }: OpenPlatform,
  { promotion, from, to, options }: Carrying,
): Promise<string | undefined> {
  const result = tools.parse(promotion.text, spec.name);
  if (!result.ok)
    throw new SlipwayError("PLATFORM_FILE_INVALID", `with what ${from} has, ${to} wouldn't be valid`, {
      given: result.problems[0]?.message ?? "",
    });
  const [folder, file] = [dirname(spec.path), basename(spec.path)];
  const git = (...args: string[]) => runGit(args, folder, context.invocation.env);
  const call = (what: string, ...args: string[]) =>
    must(git(...args), what, `${spec.name} is written; run git by hand in its folder.`);
  if (options.commit) {
    const before = await must(
      git("status", "--porcelain", "--", file),
      "status",
      "A promotion is a commit: put the file into a Git repository, or add --no-commit.",
    );
    if (before.trim() !== "")
      throw new SlipwayError("CONFLICT", `${spec.name} has changes that aren't committed`, {
        hint: "Commit or undo them first, or add --no-commit.",
      });
  }
  await writeFile(spec.path, promotion.text);
  if (!options.commit) return undefined;
  const rows = promotion.carried.map(
    (one) => `- ${formatPart(one.path)}: ${shown(one.to)} -> ${shown(one.from)}`,
  );
  const message = [`Promote ${from} to ${to}`, "", ...rows, "", `Slipway-Promotion: ${from} -> ${to}`].join(
    "\n",
  );
  await call("commit", "commit", "--quiet", "--message", message, "--", file);
  return (await call("rev-parse", "rev-parse", "HEAD")).trim();
}

function shown(value: unknown): string {
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "nothing");
  return tame(text.length > 100 ? `${text.slice(0, 97)}...` : text);
}

interface Report {
  from: string;
  to: string;
  promotion: Promotion;
  commit: string | undefined;
  isWritten: boolean;
}

function report({ from, to, promotion, commit, isWritten }: Report): string {
  const { carried, kept } = promotion;
  const rows = (list: readonly Difference[]) =>
    table(
      ["PART", to.toUpperCase(), from.toUpperCase()],
      list.map((one) => [tame(formatPart(one.path)), shown(one.to), shown(one.from)]),
    );
  const verb = isWritten ? "carried" : "would be carried";
  const blocks = [
    carried.length === 0
      ? `nothing to carry: ${to} runs what ${from} runs\n`
      : `${verb} from ${from} to ${to}:\n${rows(carried)}`,
    ...(kept.length === 0 ? [] : [`what differs and stays so:\n${rows(kept)}`]),
    ...(commit === undefined ? [] : [`committed as ${commit.slice(0, 12)}; push it to make it so\n`]),
  ];
  return blocks.join("\n");
}
