import type { Command } from "commander";
import { printJson, withHelp, withTenantOptions } from "../context.ts";
import type { CliContext, TenantOptions } from "../context.ts";
import { EXIT, exitCodesHelp } from "../exit.ts";

/** `slipway cancel RUN`: ends a pipeline run and all its processes. */
export function addCancel(program: Command, context: CliContext): void {
  const command = program
    .command("cancel")
    .description("end a pipeline run with all its processes")
    .argument("<run>", "id of the pipeline run")
    .action(context.action((run: string, options: TenantOptions) => cancel(context, run, options)));
  withTenantOptions(command);
  withHelp(command, ["slipway cancel pr-07x2k9q4m1ab"], exitCodesHelp("unreachable", "refused", "notFound"));
}

async function cancel(context: CliContext, run: string, options: TenantOptions): Promise<number> {
  const id = run.replace(/^run\//, "");
  const answer = await context
    .tenantClient(options)
    .post<unknown>(`/pipeline-runs/${encodeURIComponent(id)}/cancel`, {});
  if (options.json === true) printJson(context, answer);
  else context.terminal.write(`pipeline run ${id} is cancelled\n`);
  return EXIT.ok;
}
