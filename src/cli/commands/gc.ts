import type { Command } from "commander";
import type { GcJob } from "../../gc/job.ts";
import { SlipwayError } from "../../http/errors.ts";
import { parseDuration } from "../../spec/units.ts";
import type { PlatformClient } from "../client.ts";
import { printJson, withHelp, withPlatformOptions } from "../context.ts";
import type { CliContext, PlatformOptions } from "../context.ts";
import { EXIT, exitCodesHelp } from "../exit.ts";
import { amountWords, deletedLines, foundLines } from "../format-gc.ts";

interface GcOptions extends PlatformOptions {
  olderThan?: string;
  experiment?: string[];
  run?: string[];
  tenant?: string;
  allTenants?: boolean;
  dryRun?: boolean;
  yes?: boolean;
}

/** Between looks at how far it is, in milliseconds. */
const LOOK_MS = 300;

/** `slipway gc`: frees what deleted things take up, after it has said how much that is. */
export function addGc(program: Command, context: CliContext): void {
  const command = program
    .command("gc")
    .description("free what deleted runs, models, traces and experiments take up, for good")
    .option("--older-than <time>", "only what was deleted so long ago, such as 30d or 12h")
    .option("--experiment <name...>", "only within these experiments (ids or names)")
    .option("--run <id...>", "only these tracking runs")
    .option("--tenant <name>", "of another tenant than your own")
    .option("--all-tenants", "of all tenants (platform admins)")
    .option("--dry-run", "say how much, and delete nothing")
    .option("--yes", "don't ask")
    .action(context.action((options: GcOptions) => gc(context, options)));
  withPlatformOptions(command);
  withHelp(
    command,
    [
      "slipway gc --dry-run",
      "slipway gc --older-than 30d --yes",
      "slipway gc --experiment churn --json --yes",
    ],
    exitCodesHelp("unreachable", "refused", "notFound"),
  );
}

async function gc(context: CliContext, options: GcOptions): Promise<number> {
  const { olderThan, experiment, run, allTenants, tenant } = options;
  if (olderThan !== undefined && parseDuration(olderThan) === undefined)
    throw new SlipwayError("USAGE", "that isn't a length of time", {
      where: "--older-than",
      given: olderThan,
      allowed: "such as 30d, 12h or 1d12h",
    });
  const client = context.client(options).ofTenant(tenant);
  const begun = await client.post<GcJob>("/gc/plan", {
    ...(olderThan === undefined ? {} : { olderThan }),
    ...(experiment === undefined ? {} : { experiments: experiment }),
    ...(run === undefined ? {} : { runs: run }),
    ...(allTenants === undefined ? {} : { allTenants }),
  });
  const counted = await ended(context, client, begun, options);
  const isJson = options.json === true;
  if (!isJson) say(context, foundLines(counted));
  const isNothing = amountWords(counted.found) === "nothing" && counted.leftBehind === 0;
  if (options.dryRun === true || isNothing) {
    if (isJson) printJson(context, counted);
    return EXIT.ok;
  }
  if (options.yes !== true && !(await isAgreed(context, options))) {
    if (isJson) printJson(context, counted);
    else say(context, ["nothing was deleted"]);
    return EXIT.refused;
  }
  const deleted = await ended(
    context,
    client,
    await client.post<GcJob>("/gc", { plan: counted.id }),
    options,
  );
  if (isJson) printJson(context, deleted);
  else say(context, deletedLines(deleted));
  return deleted.leftBehind > 0 ? EXIT.failed : EXIT.ok;
}

/** Follows it to its end; on a terminal with a line that tells how far it is. */
async function ended(
  context: CliContext,
  client: PlatformClient,
  begun: GcJob,
  { json }: PlatformOptions,
): Promise<GcJob> {
  const { terminal } = context;
  const isShown = terminal.isInteractive && json !== true;
  let job = begun;
  while (job.state === "counting" || job.state === "deleting") {
    await terminal.sleep(LOOK_MS);
    job = await client.get<GcJob>(`/gc/${encodeURIComponent(job.id)}`);
    const { state, found, deleted } = job;
    if (isShown)
      terminal.writeError(`\r\u001b[K${state}: ${amountWords(state === "counting" ? found : deleted)}`);
  }
  if (isShown) terminal.writeError("\r\u001b[K");
  if (job.error !== null) throw SlipwayError.fromJSON(job.error);
  return job;
}

/** Asks a person; where nobody sits, nothing is deleted without `--yes`. */
async function isAgreed({ terminal }: CliContext, { json }: PlatformOptions): Promise<boolean> {
  if (!terminal.isInteractive || json === true) {
    throw new SlipwayError("USAGE", "nobody is there to be asked, so nothing was deleted", {
      allowed: "--yes to delete, --dry-run to count only",
    });
  }
  terminal.writeError("delete this for good? [y/N] ");
  let typed = "";
  for await (const chunk of terminal.stdin) {
    typed += new TextDecoder().decode(chunk);
    if (typed.includes("\n") || typed.length > 100) break;
  }
  return /^\s*y(es)?\s*$/i.test(typed.split("\n", 1)[0] ?? "");
}

function say({ terminal }: CliContext, lines: readonly string[]): void {
  terminal.write(lines.map((line) => `${line}\n`).join(""));
}
