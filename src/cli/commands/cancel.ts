import type { Command } from "commander";
import { printJson, withHelp, withPlatformOptions } from "../context.ts";
import type { CliContext, PlatformOptions } from "../context.ts";
import { EXIT, exitCodesHelp } from "../exit.ts";

/** `slipway cancel RUN`: ends a pipeline run and all its processes. */
export function addCancel(program: Command, context: CliContext): void {
  const command = program
    .command("cancel")
    .description("end a pipeline run with all its processes")
    .argument("<run>", "id of the pipeline run")
    .action(context.action((run: string, options: PlatformOptions) => cancel(context, run, options)));
  withPlatformOptions(command);
  withHelp(command, ["slipway cancel pr-07x2k9q4m1ab"], exitCodesHelp("unreachable", "refused", "notFound"));
}

async function cancel(context: CliContext, run: string, options: PlatformOptions): Promise<number> {
  const id = run.replace(/^run\//, "");
  const answer = await context
    .client(options)
    .post<unknown>(`/pipeline-runs/${encodeURIComponent(id)}/cancel`, {});
  if (options.json === true) printJson(context, answer);
  else context.terminal.write(`pipeline run ${id} is cancelled\n`);
  return EXIT.ok;
}
