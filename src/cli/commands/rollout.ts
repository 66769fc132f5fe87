import type { Command } from "commander";
import type { RolloutEvidence } from "../../rollout/evidence.ts";
import type { RolloutAnswer } from "../api.ts";
import type { PlatformClient } from "../client.ts";
import { printJson, withHelp, withTenantOptions } from "../context.ts";
import type { CliContext, TenantOptions } from "../context.ts";
import { EXIT, exitCodesHelp } from "../exit.ts";
import { formatRollout, type RolloutCommit } from "../format-rollout.ts";
import { ago, cut, oneLine, table, widthOf } from "../terminal.ts";

interface ShowOptions extends TenantOptions {
  watch?: boolean;
}

interface ListedRollout extends RolloutAnswer {
  kind: string;
  champion: number | null;
  createdAt: number;
}

/** Of a terminal that shows one screen after the other in the same place. */
const CLEAR = "\u001b[H\u001b[2J";

/** `slipway rollout show|list MODEL`: a rollout with its evidence, once or as it grows. */
export function addRollout(program: Command, context: CliContext): void {
  const rollout = program.command("rollout").description("show the rollouts of a service and their evidence");
  withHelp(
    rollout,
    [
      "slipway rollout show digits",
      "slipway rollout show digits --watch",
      "slipway rollout list digits --json",
    ],
    exitCodesHelp("unreachable", "notFound", "notPromoted"),
  );
  const shown = rollout
    .command("show")
    .description("show the running rollout with its evidence, or the last one")
    .argument("<model>", "name of the service")
    .option("--watch", "follow it until it has ended; with --json one line for each change")
    .action(context.action((model: string, options: ShowOptions) => show(context, model, options)));
  withTenantOptions(shown);
  withHelp(
    shown,
    ["slipway rollout show digits", "slipway rollout show digits --watch && echo promoted"],
    `${exitCodesHelp("unreachable", "notFound", "notPromoted")}\nWithout --watch a rollout that was rolled back is shown with exit code 0.`,
  );
  const listed = rollout
    .command("list")
    .description("list a service's rollouts, newest first")
    .argument("<model>", "name of the service")
    .action(context.action((model: string, options: TenantOptions) => list(context, model, options)));
  withTenantOptions(listed);
  withHelp(
    listed,
    ["slipway rollout list digits", "slipway rollout list digits --json"],
    exitCodesHelp("unreachable", "notFound"),
  );
}

async function show(context: CliContext, model: string, options: ShowOptions): Promise<number> {
  const client = context.tenantClient(options);
  const path = `/services/${encodeURIComponent(model)}/evidence`;
  if (options.watch === true) return watch(context, client, path, options);
  const evidence = await client.get<RolloutEvidence>(path);
  const commits = await commitsOf(client, evidence.rollout.id);
  if (options.json === true) printJson(context, { ...evidence, commits });
  else context.terminal.write(screen(context, evidence, commits));
  return EXIT.ok;
}

/** Follows the rollout that runs now to its end, also past a newer one that takes its place. */
async function watch(
  context: CliContext,
  client: PlatformClient,
  path: string,
  options: ShowOptions,
): Promise<number> {
  const { terminal } = context;
  let watched: string | undefined;
  let told = "";
  for await (const data of client.events(`${path}/stream`)) {
    let evidence = JSON.parse(data) as RolloutEvidence;
    watched ??= evidence.rollout.id;
    if (evidence.rollout.id !== watched)
      evidence = await client.get<RolloutEvidence>(`/rollouts/${encodeURIComponent(watched)}/evidence`);
    const { state, endedAt } = evidence.rollout;
    const isOver = endedAt !== null;
    if (options.json === true) terminal.write(`${JSON.stringify(evidence)}\n`);
    else if (terminal.isInteractive || isOver) {
      const commits = await commitsOf(client, watched);
      terminal.write((terminal.isInteractive ? CLEAR : "") + screen(context, evidence, commits));
    } else {
      const line = progress(evidence);
      if (line !== told) terminal.write(`${cut(line, widthOf(terminal))}\n`);
      told = line;
    }
    if (isOver) return state === "promoted" ? EXIT.ok : EXIT.notPromoted;
  }
  return EXIT.unreachable;
}

/** What a log needs of a change: no figures, or every look would be one. */
function progress({ rollout, verdict }: RolloutEvidence): string {
  const share = rollout.isShadow ? "copies only" : `${rollout.share} %`;
  const why = rollout.reason ? ` (${oneLine(rollout.reason)})` : "";
  return `version ${rollout.version} ${rollout.state}${why}, ${share}: ${verdict}`;
}

function screen(context: CliContext, evidence: RolloutEvidence, commits: readonly RolloutCommit[]): string {
  const { colors, terminal } = context;
  return formatRollout(evidence, commits, { colors, now: terminal.now(), width: widthOf(terminal) });
}

async function commitsOf(client: PlatformClient, rolloutId: string): Promise<RolloutCommit[]> {
  const rollout = await client.get<{ commits?: RolloutCommit[] }>(
    `/rollouts/${encodeURIComponent(rolloutId)}`,
  );
  return rollout.commits ?? [];
}

async function list(context: CliContext, model: string, options: TenantOptions): Promise<number> {
  const client = context.tenantClient(options);
  // An unknown service has no rollouts either; only this says which it is.
  await client.get(`/services/${encodeURIComponent(model)}`);
  const { rollouts } = await client.get<{ rollouts: ListedRollout[] }>(
    `/rollouts?model=${encodeURIComponent(model)}`,
  );
  const { terminal } = context;
  if (options.json === true) printJson(context, { rollouts });
  else if (rollouts.length === 0) terminal.write(`no version of ${oneLine(model)} has been on trial yet\n`);
  else terminal.write(listed(rollouts, terminal.now(), widthOf(terminal)));
  return EXIT.ok;
}

function listed(rollouts: readonly ListedRollout[], now: number, width: number): string {
  const rows = rollouts.map((rollout) => [
    rollout.id,
    String(rollout.version ?? "-"),
    rollout.champion === null ? "-" : String(rollout.champion),
    rollout.kind,
    rollout.state,
    ago(rollout.createdAt, now),
    oneLine(rollout.sentence ?? rollout.reason ?? ""),
  ]);
  return table(["ROLLOUT", "VERSION", "AGAINST", "KIND", "STATE", "ASKED", "WHAT HAPPENED"], rows)
    .split("\n")
    .map((line) => cut(line, width))
    .join("\n");
}
