import type { Command } from "commander";
import type { RolloutAnswer } from "../api.ts";
import { printJson, withHelp, withPlatformOptions } from "../context.ts";
import type { CliContext, PlatformOptions } from "../context.ts";
import { EXIT, exitCodesHelp } from "../exit.ts";
import { widthOf, wrap } from "../terminal.ts";
import { describeRollout } from "./status.ts";

interface DecisionOptions extends PlatformOptions {
  reason?: string;
}

/** What a person may decide about a rollout, with the example that its help shows. */
const DECISIONS = [
  ["promote", "make the challenger champion now", "slipway promote digits --reason 'compared by hand'"],
  ["rollback", "take the challenger out now", "slipway rollback digits --reason 'wrong units'"],
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
    withPlatformOptions(command);
    withHelp(command, [example], exitCodesHelp("unreachable", "refused", "notFound"));
  }
}

async function decide(
  context: CliContext,
  decision: string,
  model: string,
  options: DecisionOptions,
): Promise<number> {
  const body = options.reason === undefined ? {} : { reason: options.reason };
  const path = `/services/${encodeURIComponent(model)}/${decision}`;
  const rollout = await context.client(options).post<RolloutAnswer>(path, body);
  if (options.json === true) printJson(context, rollout);
  else
    for (const line of wrap(`${model}: ${describeRollout(rollout)}`, widthOf(context.terminal)))
      context.terminal.write(`${line}\n`);
  return EXIT.ok;
}
