import type { Command } from "commander";
import { SlipwayError } from "../../http/errors.ts";
import { printJson, withHelp, withPlatformOptions } from "../context.ts";
import type { CliContext, PlatformOptions } from "../context.ts";
import { EXIT, exitCodesHelp } from "../exit.ts";
import { table, tame } from "../terminal.ts";
import { timeOf } from "../time-of.ts";

interface AuditOptions extends PlatformOptions {
  tenant?: string;
  actor?: string;
  action?: string;
  subject?: string;
  since?: string;
  until?: string;
  limit: string;
}

interface Entry {
  id: number;
  at: number;
  tenant: string;
  actor: string;
  action: string;
  subject: string;
  address: string | null;
  status: number;
}

const PAGE = 500;

/** `slipway audit`: who changed what. */
export function addAudit(program: Command, context: CliContext): void {
  const command = program
    .command("audit")
    .description("changes that were made or refused, newest first")
    .option("--tenant <name>", "of one tenant (its admins; platform admins see all)")
    .option("--actor <name>", "by one caller")
    .option("--action <text>", "how the action begins, such as DELETE")
    .option("--subject <text>", "what it was about, such as tenant/team-a")
    .option("--since <time>", "from then on: ISO 8601, or a span such as 2h or 7d")
    .option("--until <time>", "before that")
    .option("--limit <n>", "entries at most", "50")
    .action(context.action((options: AuditOptions) => audit(context, options)));
  withPlatformOptions(command);
  withHelp(
    command,
    [
      "slipway audit --since 1d",
      "slipway audit --tenant team-a --actor ana",
      "slipway audit --action DELETE --json",
    ],
    exitCodesHelp("unreachable", "refused"),
  );
}

async function audit(context: CliContext, options: AuditOptions): Promise<number> {
  const now = context.terminal.now();
  const limit = /^[1-9]\d{0,5}$/.test(options.limit) ? Number(options.limit) : Number.NaN;
  if (Number.isNaN(limit))
    throw new SlipwayError("USAGE", "that isn't a number of entries", {
      where: "--limit",
      given: options.limit,
    });
  const query = new URLSearchParams();
  for (const name of ["tenant", "actor", "action", "subject"] as const) {
    const value = options[name];
    if (value !== undefined) query.set(name, value);
  }
  if (options.since !== undefined) query.set("since", String(timeOf("--since", options.since, now)));
  if (options.until !== undefined) query.set("until", String(timeOf("--until", options.until, now)));
  const entries: Entry[] = [];
  for (let next: number | undefined = 0; next !== undefined && entries.length < limit;) {
    query.set("limit", String(Math.min(PAGE, limit - entries.length)));
    if (next > 0) query.set("before", String(next));
    const page: { entries: Entry[]; next?: number } = await context
      .client(options)
      .get(`/audit?${query.toString()}`);
    entries.push(...page.entries);
    next = page.next;
  }
  if (options.json === true) printJson(context, { entries });
  else
    context.terminal.write(
      table(
        ["WHEN", "WHO", "ACTION", "ABOUT", "TENANT", "FROM", "ANSWER"],
        entries.map((entry) => [
          new Date(entry.at).toISOString().replace(/\.\d+Z$/, "Z"),
          tame(entry.actor),
          tame(entry.action),
          tame(entry.subject),
          entry.tenant,
          entry.address ?? "-",
          entry.status === 0 ? "no answer" : String(entry.status),
        ]),
      ),
    );
  return EXIT.ok;
}
