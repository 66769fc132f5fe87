import type { Command } from "commander";
import type { PipelineRunAnswer, RolloutAnswer, ServiceAnswer, ServiceDetailAnswer } from "../api.ts";
import { printJson, withHelp, withTenantOptions } from "../context.ts";
import type { CliContext, TenantOptions } from "../context.ts";
import { workerLines } from "../format-workers.ts";
import { EXIT, exitCodesHelp } from "../exit.ts";
import { ago, cut, short, table, tame, widthOf, wrap } from "../terminal.ts";

const LATEST_RUNS = 5;
const LATEST_CHANGES = 5;

/** `slipway status [MODEL]`: what serves, what is on trial, what ran last. */
export function addStatus(program: Command, context: CliContext): void {
  const command = program
    .command("status")
    .description("show the services, their rollouts and the latest pipeline runs")
    .argument("[model]", "only this service")
    .action(
      context.action((model: string | undefined, options: TenantOptions) => status(context, model, options)),
    );
  withTenantOptions(command);
  withHelp(
    command,
    ["slipway status", "slipway status digits", "slipway status --json"],
    exitCodesHelp("unreachable", "notFound"),
  );
}

async function status(
  context: CliContext,
  model: string | undefined,
  options: TenantOptions,
): Promise<number> {
  const client = context.tenantClient(options);
  if (model !== undefined) {
    const service = await client.get<ServiceDetailAnswer>(`/services/${encodeURIComponent(model)}`);
    if (options.json === true) printJson(context, service);
    else context.terminal.write(formatService(service, context.terminal.now(), widthOf(context.terminal)));
    return EXIT.ok;
  }
  const [{ services }, { pipelineRuns }] = await Promise.all([
    client.get<{ services: ServiceAnswer[] }>("/services"),
    client.get<{ pipelineRuns: PipelineRunAnswer[] }>(`/pipeline-runs?limit=${LATEST_RUNS}`),
  ]);
  if (options.json === true) printJson(context, { services, pipelineRuns });
  else context.terminal.write(formatStatus(services, pipelineRuns, context.terminal));
  return EXIT.ok;
}

function formatStatus(
  services: readonly ServiceAnswer[],
  runs: readonly PipelineRunAnswer[],
  terminal: CliContext["terminal"],
): string {
  const now = terminal.now();
  const width = widthOf(terminal);
  const notes = services
    .filter(isNews)
    .flatMap((service) => notesOf(service).map((note) => `${cut(note, width)}\n`));
  const hint = notes.length === 0 ? "" : "(more: slipway status MODEL, slipway why service/MODEL)\n";
  return (
    (services.length === 0 ? "no services yet\n" : servicesTable(services, now) + notes.join("") + hint) +
    `\n${runs.length === 0 ? "no pipeline runs yet\n" : formatRuns(runs, terminal)}`
  );
}

/** A promotion is over, and the table shows what it led to. */
function isNews({ rollout, problem }: ServiceAnswer): boolean {
  return Boolean(problem) || (rollout?.state !== "promoted" && rollout?.state !== "superseded");
}

/** One service with all that is known of it. */
function formatService(service: ServiceDetailAnswer, now: number, width: number): string {
  const { history = [], labels = {}, variants = [] } = service;
  const workers = workerLines(variants, now);
  const changes = history
    .slice(0, LATEST_CHANGES)
    .map(({ at, commit, subject, author }) =>
      cut(`  ${short(commit)}  ${ago(at, now).padEnd(10)}  ${subject} (${author})`, width),
    );
  const counts = Object.entries(labels).map(([state, count]) => `${count} ${state}`);
  const rows = [
    ...notesOf(service).flatMap((note) => ["", ...wrap(note, width)]),
    ...(workers.length === 0 ? [] : ["", ...workers.flatMap((line) => wrap(tame(line), width))]),
    ...(changes.length === 0 ? [] : ["", "latest changes of what runs (environment.git):", ...changes]),
    ...(counts.length === 0 ? [] : ["", `labels: ${counts.join(", ")}`]),
  ];
  return servicesTable([service], now) + rows.map((row) => `${row}\n`).join("");
}

function servicesTable(services: readonly ServiceAnswer[], now: number): string {
  const rows = services.map((service) => [
    tame(service.name),
    service.champion === null ? "-" : `version ${service.champion.version}`,
    ago(service.champion?.since, now),
    formatChallenger(service),
    tame(service.state),
    short(service.commit),
  ]);
  return table(["SERVICE", "CHAMPION", "SINCE", "CHALLENGER", "STATE", "COMMIT"], rows);
}

function formatChallenger({ challenger, weight }: ServiceAnswer): string {
  return challenger === null || challenger === undefined
    ? "-"
    : `version ${challenger.version} at ${weight ?? 0} %`;
}

/** What became of the latest rollout, and what the controller is stuck at. */
function notesOf({ name, rollout, problem }: ServiceAnswer): string[] {
  const notes = rollout === null || rollout === undefined ? [] : [`${name}: ${describeRollout(rollout)}`];
  return problem && !notes.some((note) => note.includes(problem)) ? [...notes, `${name}: ${problem}`] : notes;
}

/** "rollout ro-1 is held (by-hand): what happened"; a reason that the sentence tells isn't said twice. */
export function describeRollout({ id, state, reason, sentence }: RolloutAnswer): string {
  const isNew = reason && !sentence?.includes(reason);
  return `rollout ${id} is ${state}${isNew ? ` (${reason})` : ""}${sentence ? `: ${sentence}` : ""}`;
}

/** A table of pipeline runs, as `status` and `runs` show it; reasons are cut at the terminal's edge. */
export function formatRuns(runs: readonly PipelineRunAnswer[], terminal: CliContext["terminal"]): string {
  const rows = runs.map((run) => [
    run.id,
    tame(run.project),
    short(run.commit),
    run.state,
    ago(run.createdAt, terminal.now()),
    run.model && run.version ? `${run.model} version ${run.version}` : "-",
    tame(run.reason ?? (run.broughtFrom === undefined ? "" : "ran on another platform")).replaceAll(
      "\n",
      " ",
    ),
  ]);
  const width = widthOf(terminal);
  return table(["PIPELINE RUN", "PROJECT", "COMMIT", "STATE", "STARTED", "MODEL", "REASON"], rows)
    .split("\n")
    .map((line) => cut(line, width))
    .join("\n");
}
