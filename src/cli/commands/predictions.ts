import { createWriteStream } from "node:fs";
import { mkdir, rename, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { pipeline } from "node:stream/promises";
import type { Command } from "commander";
import { SlipwayError } from "../../http/errors.ts";
import type { PlatformClient } from "../client.ts";
import { printJson, withHelp, withTenantOptions } from "../context.ts";
import type { CliContext, TenantOptions } from "../context.ts";
import { EXIT, exitCodesHelp } from "../exit.ts";
import { formatPredictions } from "../format-predictions.ts";
import type { PredictionRow } from "../format-predictions.ts";
import { byteWords, widthOf } from "../terminal.ts";
import { timeOf } from "../time-of.ts";

interface PredictionsOptions extends TenantOptions {
  since?: string;
  until?: string;
  limit: string;
  download?: string;
}

interface FileAnswer {
  name: string;
  bytes: number;
}

const MOST_ROWS = 1_000;

/** `slipway predictions SERVICE`: the prediction log's newest rows, or its Parquet files. */
export function addPredictions(program: Command, context: CliContext): void {
  const command = program
    .command("predictions")
    .description("logged predictions of a service, newest first, or their Parquet files")
    .argument("<service>", "the model's name")
    .option("--since <time>", "from then on: ISO 8601, or a span such as 2h or 7d")
    .option("--until <time>", "before that")
    .option("--limit <n>", `rows at most, up to ${MOST_ROWS}`, "20")
    .option("--download <folder>", "copy the Parquet files there, those that are there already left out")
    .action(
      context.action((service: string, options: PredictionsOptions) =>
        predictions(context, service, options),
      ),
    );
  withTenantOptions(command);
  withHelp(
    command,
    [
      "slipway predictions digits",
      "slipway predictions digits --since 1h --limit 200 --json",
      "slipway predictions digits --since 7d --download ./predictions",
    ],
    exitCodesHelp("unreachable", "notFound"),
  );
}

async function predictions(
  context: CliContext,
  service: string,
  options: PredictionsOptions,
): Promise<number> {
  const now = context.terminal.now();
  const query = new URLSearchParams();
  if (options.since !== undefined) query.set("since", String(timeOf("--since", options.since, now)));
  if (options.until !== undefined) query.set("until", String(timeOf("--until", options.until, now)));
  const base = `/services/${encodeURIComponent(service)}/predictions`;
  const client = context.tenantClient(options);
  if (options.download !== undefined) return download(context, client, `${base}/files`, query, options);
  const limit = /^[1-9]\d{0,3}$/.test(options.limit) ? Number(options.limit) : Number.NaN;
  if (!(limit <= MOST_ROWS))
    throw new SlipwayError("USAGE", "that isn't a number of rows", {
      where: "--limit",
      given: options.limit,
      allowed: `1 to ${MOST_ROWS}; --download gives all`,
    });
  query.set("limit", String(limit));
  const answer = await client.get<{ rows: PredictionRow[] }>(`${base}?${query}`);
  if (options.json === true) printJson(context, answer);
  else context.terminal.write(formatPredictions(service, answer.rows, widthOf(context.terminal)));
  return EXIT.ok;
}

/** What was logged until now, too. */
async function download(
  context: CliContext,
  client: PlatformClient,
  path: string,
  query: URLSearchParams,
  { download: given = ".", json }: PredictionsOptions,
): Promise<number> {
  const folder = resolve(given);
  const { files } = await client.post<{ files: FileAnswer[] }>(`${path}?${query}`, {});
  const done: FileAnswer[] = [];
  for (const file of files) {
    const target = join(folder, checkedName(file.name));
    // A file of the log never changes.
    if ((await stat(target).catch(() => undefined))?.size === file.bytes) continue;
    await mkdir(dirname(target), { recursive: true });
    const partial = `${target}.part`;
    await pipeline(await client.file(`${path}/${file.name}`), createWriteStream(partial));
    await rename(partial, target);
    done.push(file);
  }
  const bytes = done.reduce((sum, file) => sum + file.bytes, 0);
  if (json === true)
    printJson(context, { folder, files: files.map(({ name }) => name), copied: done.length });
  else
    context.terminal.write(
      `${done.length} of ${files.length} files copied to ${folder} (${byteWords(bytes)})\n`,
    );
  return EXIT.ok;
}

/** Only such a name may become a path here, whatever a server says. */
function checkedName(name: string): string {
  if (/^\d{4}-\d{2}-\d{2}\/[0-9a-z-]+\.parquet$/.test(name)) return name;
  throw new SlipwayError(
    "PLATFORM_UNEXPECTED",
    "the platform named a file that is none of a prediction log",
    {
      given: name,
    },
  );
}
