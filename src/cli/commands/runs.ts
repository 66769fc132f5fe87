import type { Command } from "commander";
import { SlipwayError } from "../../http/errors.ts";
import type { PipelineRunAnswer } from "../api.ts";
import { printJson, withHelp, withTenantOptions } from "../context.ts";
import type { CliContext, TenantOptions } from "../context.ts";
import { EXIT, exitCodesHelp } from "../exit.ts";
import { formatRuns } from "./status.ts";

/** `slipway runs [PROJECT]`: pipeline runs, newest first. */
export function addRuns(program: Command, context: CliContext): void {
  const command = program
    .command("runs")
    .description("list pipeline runs, newest first")
    .argument("[project]", "only of this project")
    .option("--limit <n>", "how many, 1 to 100", "20")
    .action(
      context.action((project: string | undefined, options: TenantOptions & { limit: string }) =>
        runs(context, project, options),
      ),
    );
  withTenantOptions(command);
  withHelp(
    command,
    ["slipway runs", "slipway runs digits --limit 3"],
    exitCodesHelp("unreachable", "notFound"),
  );
}

async function runs(
  context: CliContext,
  project: string | undefined,
  options: TenantOptions & { limit: string },
): Promise<number> {
  const limit = /^\d{1,3}$/.test(options.limit) ? Number(options.limit) : 0;
  if (limit < 1 || limit > 100)
    throw new SlipwayError("USAGE", "that isn't a number of pipeline runs", {
      where: "--limit",
      given: options.limit,
      allowed: "1 to 100",
    });
  const filter = project === undefined ? "" : `&project=${encodeURIComponent(project)}`;
  const path = `/pipeline-runs?limit=${limit}${filter}`;
  const { pipelineRuns } = await context
    .tenantClient(options)
    .get<{ pipelineRuns: PipelineRunAnswer[] }>(path);
  if (options.json === true) printJson(context, pipelineRuns);
  else if (pipelineRuns.length === 0)
    context.terminal.write(`no pipeline runs${project === undefined ? "" : ` of ${project}`}\n`);
  else context.terminal.write(formatRuns(pipelineRuns, context.terminal));
  return EXIT.ok;
}
