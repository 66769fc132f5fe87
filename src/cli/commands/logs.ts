import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "commander";
import { SlipwayError } from "../../http/errors.ts";
import type { PipelineRunAnswer } from "../api.ts";
import { withHelp, withTenantOptions } from "../context.ts";
import type { CliContext, TenantOptions } from "../context.ts";
import { EXIT, exitCodesHelp } from "../exit.ts";
import { parseSubject } from "../subject.ts";
import { tame } from "../terminal.ts";

interface LogsOptions extends TenantOptions {
  follow?: boolean;
  lines: string;
}

/** What the platform answers at most. */
const MAX_LINES = 1000;
const ENDED = new Set(["succeeded", "failed", "cancelled"]);
const ENDS_WITHIN_MS = 60_000;
const LOOK_EVERY_MS = 200;

/** `slipway logs KIND/NAME`: output of a pipeline run, of one step, or of a service's workers. */
export function addLogs(program: Command, context: CliContext): void {
  const command = program
    .command("logs")
    .description("print the output of a pipeline run, a step or a service")
    .argument("<subject>", "run/ID, step/ID/NAME or service/MODEL")
    .option("-f, --follow", "go on until the pipeline run has ended; exit code 1 when it didn't succeed")
    .option("--lines <n>", `of a service: how many of the last lines, at most ${MAX_LINES}`, "200")
    .action(context.action((subject: string, options: LogsOptions) => logs(context, subject, options)));
  withTenantOptions(command);
  withHelp(
    command,
    [
      "slipway logs run/pr-07x2k9q4m1ab --follow",
      "slipway logs step/pr-07x2k9q4m1ab/train",
      "slipway logs service/digits",
    ],
    exitCodesHelp("unreachable", "notFound"),
  );
}

async function logs(context: CliContext, text: string, options: LogsOptions): Promise<number> {
  const subject = parseSubject(text, { run: 1, step: 2, service: 1 });
  const [name, step] = subject.names as [string, string?];
  if (subject.kind === "service") return serviceLogs(context, name, options);
  const query = new URLSearchParams();
  if (step !== undefined) query.set("step", step);
  if (options.follow === true) query.set("follow", "true");
  const client = context.tenantClient(options);
  const run = `/pipeline-runs/${encodeURIComponent(name)}`;
  for await (const line of client.stream(`${run}/logs?${query}`)) printLine(context, line, options);
  if (options.follow !== true) return EXIT.ok;
  const { state, reason } = await ended(() => client.get<PipelineRunAnswer>(run));
  if (state === "succeeded") return EXIT.ok;
  const why = reason ? `: ${tame(reason)}` : "";
  context.terminal.writeError(`pipeline run ${name} is ${state}${why}\n  → slipway why run/${name}\n`);
  return EXIT.failed;
}

/** After its last line a pipeline run still registers what it made; waits for that, not for ever. */
async function ended(look: () => Promise<PipelineRunAnswer>): Promise<PipelineRunAnswer> {
  let run = await look();
  for (let waited = 0; waited < ENDS_WITHIN_MS && !ENDED.has(run.state); waited += LOOK_EVERY_MS) {
    await sleep(LOOK_EVERY_MS);
    run = await look();
  }
  return run;
}

async function serviceLogs(context: CliContext, model: string, options: LogsOptions): Promise<number> {
  if (options.follow === true)
    throw new SlipwayError("NOT_BUILT_YET", "the logs of a service can't be followed yet", {
      where: "--follow",
      allowed: "run/ID and step/ID/NAME",
    });
  const lines = /^\d{1,5}$/.test(options.lines) ? Number(options.lines) : 0;
  if (lines < 1 || lines > MAX_LINES)
    throw new SlipwayError("USAGE", "that isn't a number of lines", {
      where: "--lines",
      given: options.lines,
      allowed: `1 to ${MAX_LINES}`,
    });
  const path = `/services/${encodeURIComponent(model)}/logs?lines=${lines}`;
  for (const line of await context.tenantClient(options).lines(path)) printLine(context, line, options);
  return EXIT.ok;
}

/** Lines of a pipeline run come as `step | line`; with --json each is an object of its own line. */
function printLine(context: CliContext, line: string, { json }: LogsOptions): void {
  if (json !== true) return context.terminal.write(`${tame(line)}\n`);
  const [, step, rest] = /^([a-z0-9-]+) \| ?(.*)$/.exec(line) ?? [];
  context.terminal.write(`${JSON.stringify(step === undefined ? { line } : { step, line: rest })}\n`);
}
