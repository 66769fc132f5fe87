import type { Command } from "commander";
import type { PipelineRunAnswer, ServiceAnswer } from "../api.ts";
import { printJson, withHelp, withPlatformOptions } from "../context.ts";
import type { CliContext, PlatformOptions } from "../context.ts";
import { EXIT, exitCodesHelp } from "../exit.ts";
import { ago, short, table, tame } from "../terminal.ts";

const LATEST_RUNS = 5;

/** `slipway status [MODEL]`: what serves, what is on trial, what ran last. */
export function addStatus(program: Command, context: CliContext): void {
  const command = program
    .command("status")
    .description("show the services, their rollouts and the latest pipeline runs")
    .argument("[model]", "only this service")
    .action(
      context.action((model: string | undefined, options: PlatformOptions) =>
        status(context, model, options),
      ),
    );
  withPlatformOptions(command);
  withHelp(
    command,
    ["slipway status", "slipway status digits", "slipway status --json"],
    exitCodesHelp("unreachable", "notFound"),
  );
}

async function status(
  context: CliContext,
  model: string | undefined,
  options: PlatformOptions,
): Promise<number> {
  const client = context.client(options);
  if (model !== undefined) {
    const service = await client.get<ServiceAnswer>(`/services/${encodeURIComponent(model)}`);
    if (options.json === true) printJson(context, service);
    else context.terminal.write(formatServices([service]));
    return EXIT.ok;
  }
  const [{ services }, { pipelineRuns }] = await Promise.all([
    client.get<{ services: ServiceAnswer[] }>("/services"),
    client.get<{ pipelineRuns: PipelineRunAnswer[] }>(`/pipeline-runs?limit=${LATEST_RUNS}`),
  ]);
  if (options.json === true) printJson(context, { services, pipelineRuns });
  else
    context.terminal.write(
      `${services.length === 0 ? "no services yet\n" : formatServices(services)}\n` +
        (pipelineRuns.length === 0
          ? "no pipeline runs yet\n"
          : formatRuns(pipelineRuns, context.terminal.now())),
    );
  return EXIT.ok;
}

function formatServices(services: readonly ServiceAnswer[]): string {
  const rows = services.map((service) => [
    tame(service.name),
    service.champion === null ? "-" : `version ${service.champion.version}`,
    formatChallenger(service),
    tame(service.state),
    service.requestsPerSecond === null || service.requestsPerSecond === undefined
      ? "-"
      : service.requestsPerSecond.toFixed(1),
    short(service.commit),
  ]);
  const head = ["SERVICE", "CHAMPION", "CHALLENGER", "STATE", "REQ/S", "COMMIT"];
  return table(head, rows) + services.map(formatRollout).join("");
}

function formatChallenger({ challenger, weight }: ServiceAnswer): string {
  return challenger === null || challenger === undefined
    ? "-"
    : `version ${challenger.version} at ${weight ?? 0} %`;
}

/** Lines below the table: the rollout, and what the controller is stuck at. */
function formatRollout({ name, rollout, problem }: ServiceAnswer): string {
  const lines: string[] = [];
  if (rollout !== null && rollout !== undefined) {
    const reason = rollout.reason ? ` (${rollout.reason})` : "";
    const sentence = rollout.sentence ? `: ${rollout.sentence}` : "";
    lines.push(`${name}: rollout ${rollout.id} is ${rollout.state}${reason}${sentence}`);
  }
  if (problem) lines.push(`${name}: ${problem}`);
  return lines.map((line) => `${tame(line).replaceAll("\n", " ")}\n`).join("");
}

/** A table of pipeline runs, as `status` and `runs` show it. */
export function formatRuns(runs: readonly PipelineRunAnswer[], now: number): string {
  const rows = runs.map((run) => [
    run.id,
    tame(run.project),
    short(run.commit),
    run.state,
    ago(run.createdAt, now),
    run.model && run.version ? `${run.model} version ${run.version}` : "-",
    tame(run.reason ?? "").replaceAll("\n", " "),
  ]);
  return table(["PIPELINE RUN", "PROJECT", "COMMIT", "STATE", "STARTED", "MODEL", "REASON"], rows);
}
