import type { Command } from "commander";
import { SlipwayError } from "../../http/errors.ts";
import type { HistoryEntry } from "../../history/history.ts";
import { printJson, withHelp, withTenantOptions } from "../context.ts";
import type { CliContext, TenantOptions } from "../context.ts";
import { EXIT, exitCodesHelp } from "../exit.ts";
import { formatHistory } from "../format-history.ts";
import { widthOf } from "../terminal.ts";

interface HistoryOptions extends TenantOptions {
  at?: string;
  limit: string;
}

interface Answer {
  model: string;
  entries: HistoryEntry[];
  next: number | null;
}

const PAGE = 100;

/** `slipway history MODEL`: who served what, when, from which tracking run, commit and data. */
export function addHistory(program: Command, context: CliContext): void {
  const command = program
    .command("history")
    .description("what served, from when to when, and where it came from, newest first")
    .argument("<model>")
    .option("--at <time>", "what served at that moment: ISO 8601, or a span such as 2h or 7d ago")
    .option("--limit <n>", "entries at most", "20")
    .action(context.action((model: string, options: HistoryOptions) => history(context, model, options)));
  withTenantOptions(command);
  withHelp(
    command,
    [
      "slipway history churn",
      "slipway history churn --at 2026-03-01T12:00:00Z",
      "slipway history churn --json",
    ],
    exitCodesHelp("unreachable", "notFound"),
  );
}

async function history(context: CliContext, model: string, options: HistoryOptions): Promise<number> {
  const limit = /^[1-9]\d{0,5}$/.test(options.limit) ? Number(options.limit) : Number.NaN;
  if (Number.isNaN(limit))
    throw new SlipwayError("USAGE", "that isn't a number of entries", {
      where: "--limit",
      given: options.limit,
    });
  const query = new URLSearchParams();
  if (options.at !== undefined) query.set("at", String(timeOf(options.at, context.terminal.now())));
  const client = context.tenantClient(options);
  const entries: HistoryEntry[] = [];
  for (let next: number | null | undefined = undefined; next !== null && entries.length < limit;) {
    query.set("limit", String(Math.min(PAGE, limit - entries.length)));
    if (next !== undefined) query.set("before", String(next));
    const path = `/models/${encodeURIComponent(model)}/history?${query.toString()}`;
    const page: Answer = await client.get(path);
    entries.push(...page.entries);
    next = page.next;
  }
  if (options.json === true) printJson(context, { model, entries });
  else
    context.terminal.write(
      formatHistory(entries, { colors: context.colors, width: widthOf(context.terminal) }),
    );
  return EXIT.ok;
}

const SPANS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

function timeOf(given: string, now: number): number {
  const [, number, unit] = /^(\d{1,5})([mhd])$/.exec(given) ?? [];
  if (number !== undefined && unit !== undefined) return now - Number(number) * (SPANS[unit] ?? 0);
  const time = Date.parse(given);
  if (!Number.isNaN(time)) return time;
  throw new SlipwayError("USAGE", "that isn't a time", {
    where: "--at",
    given,
    allowed: "ISO 8601, or such as 2h or 7d",
  });
}
