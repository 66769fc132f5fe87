import type { Command } from "commander";
import { printJson, withHelp } from "../../context.ts";
import type { CliContext } from "../../context.ts";
import { EXIT, exitCodesHelp } from "../../exit.ts";
import type { CanAnswerView, CanSideView } from "../../kubernetes-tools.ts";
import { tame } from "../../terminal.ts";
import { openPlatform, withPlatformFile } from "./open-file.ts";
import type { PlatformFileOptions } from "./open-file.ts";

/** `slipway platform can FROM TO[:PORT]`: who reaches whom by the policies, and which of them says so. */
export function addPlatformCan(platform: Command, context: CliContext): void {
  const command = withPlatformFile(
    platform
      .command("can")
      .description("say whether one end reaches another by the network policies, and which of them says so")
      .argument("<from>", "namespace/name, namespace/label=value, a namespace, an address, or internet")
      .argument("<to>", "the same, dns or api-server; with :port and /udp after it"),
  ).action(
    context.action((from: string, to: string, options: PlatformFileOptions) =>
      can(context, options, from, to),
    ),
  );
  withHelp(
    command,
    [
      "slipway platform can team-a/iris team-b/fraud",
      "slipway platform can monitoring/prometheus team-a/iris:8080",
      "slipway platform can team-a/iris dns:53/udp -e production",
      "slipway platform can internet team-a --json",
    ],
    `${exitCodesHelp("notFound")}\n1 is also the answer where any of what was asked isn't open.`,
  );
}

function can(context: CliContext, options: PlatformFileOptions, from: string, to: string): Promise<number> {
  return openPlatform(context, options, ({ tools, at, charts }) => {
    const answers = tools.can(at, charts, from, to);
    const isOpen = answers.every(({ answer }) => answer === "open");
    if (options.json === true) printJson(context, { ok: isOpen, answers });
    else for (const answer of answers) context.terminal.write(lines(answer).map(tame).join("\n") + "\n");
    return Promise.resolve(isOpen ? EXIT.ok : EXIT.failed);
  });
}

const WORDS = { open: "open", closed: "closed", depends: "depends on the network plug-in, or holds in part" };

function lines({ from, to, port, protocol, answer, egress, ingress }: CanAnswerView): string[] {
  return [
    `${from} to ${to} port ${port}/${protocol}: ${WORDS[answer]}`,
    `  out of ${from}: ${reason(egress)}`,
    `  into ${to}: ${reason(ingress)}`,
  ];
}

function reason({ answer, isolating, letBy }: CanSideView): string {
  if (isolating.length === 0) return "open, no policy is about it";
  if (letBy.length > 0) return `${answer}, by ${letBy.join(", ")}`;
  return `closed, no rule of ${isolating.join(", ")} lets it through`;
}
