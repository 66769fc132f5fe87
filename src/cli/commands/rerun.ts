import type { Command } from "commander";
import { SlipwayError } from "../../http/errors.ts";
import type { PipelineRunAnswer } from "../api.ts";
import { printJson, withHelp, withTenantOptions } from "../context.ts";
import type { CliContext, TenantOptions } from "../context.ts";
import { EXIT, exitCodesHelp } from "../exit.ts";

interface RerunOptions extends TenantOptions {
  commit?: string;
  cache: boolean;
}

/** `slipway rerun PROJECT`: runs the pipeline again without a push. */
export function addRerun(program: Command, context: CliContext): void {
  const command = program
    .command("rerun")
    .description("run a project's pipeline again")
    .argument("<project>", "name of the project")
    .option("--commit <sha>", "commit to run (default: the head of its main branch)")
    .option("--no-cache", "run every step, whatever the step cache holds")
    .action(context.action((project: string, options: RerunOptions) => rerun(context, project, options)));
  withTenantOptions(command);
  withHelp(
    command,
    ["slipway rerun digits", "slipway rerun digits --no-cache --commit 3f2c1ab"],
    exitCodesHelp("unreachable", "refused", "notFound"),
  );
}

async function rerun(context: CliContext, project: string, options: RerunOptions): Promise<number> {
  if (options.commit !== undefined && !/^[0-9a-f]{4,64}$/.test(options.commit))
    throw new SlipwayError("USAGE", "that isn't a commit", {
      where: "--commit",
      given: options.commit,
      allowed: "4 to 64 hexadecimal digits, as `git log` shows them",
    });
  const body = {
    ...(options.commit === undefined ? {} : { commit: options.commit }),
    ...(options.cache ? {} : { cache: false }),
  };
  const path = `/projects/${encodeURIComponent(project)}/pipeline-runs`;
  const run = await context.tenantClient(options).post<PipelineRunAnswer>(path, body);
  if (options.json === true) printJson(context, run);
  else
    context.terminal.write(
      `pipeline run ${run.id} started; follow it: slipway logs run/${run.id} --follow\n`,
    );
  return EXIT.ok;
}
