import type { Command } from "commander";
import type { WhyAnswer } from "../../why/answer.ts";
import { printJson, withHelp, withTenantOptions } from "../context.ts";
import type { CliContext, TenantOptions } from "../context.ts";
import { EXIT, exitCodesHelp } from "../exit.ts";
import { formatWhy } from "../format-why.ts";
import { parseSubject } from "../subject.ts";
import { widthOf } from "../terminal.ts";

/** `slipway why KIND/NAME`: from the symptom to the root cause, or what made an answer, in one screen. */
export function addWhy(program: Command, context: CliContext): void {
  const command = program
    .command("why")
    .description("explain a state: from the symptom to its root cause; or an answer: what it was made of")
    .argument("<subject>", "run/ID, version/MODEL/N, rollout/ID, service/MODEL or request/ID")
    .action(context.action((subject: string, options: TenantOptions) => why(context, subject, options)));
  withTenantOptions(command);
  withHelp(
    command,
    [
      "slipway why service/digits",
      "slipway why run/pr-07x2k9q4m1ab",
      "slipway why version/digits/3",
      "slipway why request/order-17",
    ],
    exitCodesHelp("unreachable", "notFound"),
  );
}

async function why(context: CliContext, text: string, options: TenantOptions): Promise<number> {
  const { kind, names } = parseSubject(text, { run: 1, version: 2, rollout: 1, service: 1, request: 1 });
  const path = `/why/${kind}/${names.map(encodeURIComponent).join("/")}`;
  const answer = await context.tenantClient(options).get<WhyAnswer>(path);
  if (options.json === true) printJson(context, answer);
  else
    context.terminal.write(
      formatWhy(answer, {
        colors: context.colors,
        now: context.terminal.now(),
        width: widthOf(context.terminal),
      }),
    );
  return EXIT.ok;
}
