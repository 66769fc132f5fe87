import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "commander";
import type { RolloutAnswer } from "../api.ts";
import type { PlatformClient } from "../client.ts";
import { printJson, withHelp, withTenantOptions } from "../context.ts";
import type { CliContext, TenantOptions } from "../context.ts";
import { EXIT, exitCodesHelp } from "../exit.ts";
import { widthOf, wrap } from "../terminal.ts";
import { describeRollout } from "./status.ts";

interface DecisionOptions extends TenantOptions {
  reason?: string;
}

/** What a person may decide about a rollout, with the example that its help shows. */
const DECISIONS = [
  ["promote", "make the challenger champion now", "slipway promote digits --reason 'compared by hand'"],
  [
    "rollback",
    "take the challenger out now; without one, go back to the former champion",
    "slipway rollback digits --reason 'wrong units'",
  ],
  ["hold", "keep the present weights until `slipway resume`", "slipway hold digits --reason 'holiday'"],
  ["resume", "let a held rollout go on", "slipway resume digits"],
  [
    "approve",
    "say the yes that the project's rollout.approval asks for",
    "slipway approve digits --reason 'reviewed'",
  ],
] as const;

/** `slipway promote|rollback|hold|resume|approve MODEL`: decisions by hand, each recorded with its reason. */
export function addDecisions(program: Command, context: CliContext): void {
  for (const [decision, description, example] of DECISIONS) {
    const command = program
      .command(decision)
      .description(description)
      .argument("<model>", "name of the service")
      .option("--reason <text>", "why; kept in the commit and the rollout's history")
      .action(
        context.action((model: string, options: DecisionOptions) =>
          decide(context, decision, model, options),
        ),
      );
    withTenantOptions(command);
    withHelp(command, [example], exitCodesHelp("unreachable", "refused", "notFound"));
  }
}

async function decide(
  context: CliContext,
  decision: (typeof DECISIONS)[number][0],
  model: string,
  options: DecisionOptions,
): Promise<number> {
  const body = options.reason === undefined ? {} : { reason: options.reason };
  const path = `/services/${encodeURIComponent(model)}/${decision}`;
  const client = context.tenantClient(options);
  const { rolloutId, note } = await client.post<{ rolloutId: string | null; note?: string }>(path, body);
  const rollout = rolloutId === null ? null : await settled(client, rolloutId, decision);
  const noted = note === undefined ? {} : { note };
  if (options.json === true) printJson(context, { ...(rollout ?? { rolloutId }), ...noted });
  else {
    const isBack = decision === "rollback" && rollout?.state === "promoted" && rollout.sentence;
    const told = isBack || (rollout === null ? `${decision} is recorded` : describeRollout(rollout));
    for (const line of wrap(
      `${model}: ${note === undefined ? "" : `${note}; `}${told}`,
      widthOf(context.terminal),
    ))
      context.terminal.write(`${line}\n`);
  }
  return EXIT.ok;
}

/** A decision is recorded at once and carried out a moment later; what a person wants to read is what came of it. */
async function settled(
  client: PlatformClient,
  id: string,
  decision: (typeof DECISIONS)[number][0],
): Promise<RolloutAnswer> {
  for (let waited = 0; ; waited += LOOK_EVERY_MS) {
    const rollout = await client.get<RolloutAnswer>(`/rollouts/${encodeURIComponent(id)}`);
    const isHeld = rollout.state === "held";
    const isDone =
      decision === "hold" ? isHeld : decision === "resume" || decision === "approve" ? !isHeld : false;
    if (isDone || ENDED.has(rollout.state) || waited >= SETTLES_WITHIN_MS) return rollout;
    await sleep(LOOK_EVERY_MS);
  }
}

const ENDED = new Set(["promoted", "rolledback", "superseded"]);
const SETTLES_WITHIN_MS = 5000;
const LOOK_EVERY_MS = 100;
