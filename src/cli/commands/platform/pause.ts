import type { Command } from "commander";
import { withHelp } from "../../context.ts";
import type { CliContext } from "../../context.ts";
import { exitCodesHelp } from "../../exit.ts";
import { onCluster, withCluster } from "./with-cluster.ts";
import type { ClusterOptions } from "./with-cluster.ts";

/** `slipway platform pause`: holds our own apply and the GitOps engine's back. */
export function addPlatformPause(platform: Command, context: CliContext): void {
  const command = withCluster(
    platform
      .command("pause")
      .description("hold changes back: our own apply, and the GitOps engine's")
      .requiredOption("--reason <text>", "shown to whoever wants to change something meanwhile"),
  ).action(
    context.action((options: ClusterOptions & { reason: string }) =>
      onCluster(context, options, (cluster) => cluster.pause(options.reason)),
    ),
  );
  withHelp(
    command,
    ['slipway platform pause --reason "the database is being restored"'],
    exitCodesHelp("unreachable", "refused", "notFound"),
  );
}

/** `slipway platform resume`: lets changes through again. */
export function addPlatformResume(platform: Command, context: CliContext): void {
  const command = withCluster(
    platform.command("resume").description("let changes through again after a pause"),
  ).action(
    context.action((options: ClusterOptions) => onCluster(context, options, (cluster) => cluster.resume())),
  );
  withHelp(
    command,
    ["slipway platform resume", "slipway platform resume -e production"],
    exitCodesHelp("unreachable", "refused", "notFound"),
  );
}
