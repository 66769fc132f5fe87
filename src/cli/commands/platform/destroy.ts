import type { Command } from "commander";
import { SlipwayError } from "../../../http/errors.ts";
import { withHelp } from "../../context.ts";
import type { CliContext } from "../../context.ts";
import { exitCodesHelp } from "../../exit.ts";
import { isAgreed, onCluster, printAnswer, readTimeout, withCluster } from "./with-cluster.ts";
import type { ClusterOptions } from "./with-cluster.ts";

interface DestroyOptions extends ClusterOptions {
  deleteVolumes?: boolean;
  dryRun?: boolean;
  yes?: boolean;
  timeout: string;
}

/** `slipway platform destroy`: takes the platform down, after it has said what goes and what stays. */
export function addPlatformDestroy(platform: Command, context: CliContext): void {
  const command = withCluster(
    platform
      .command("destroy")
      .description("take the platform down, and say what stays")
      .option("--delete-volumes", "delete volumes in its namespaces too, with their data")
      .option("--dry-run", "say what would go and what would stay, and touch nothing")
      .option("--yes", "don't ask")
      .option("--timeout <time>", "longest wait for each stage to be gone", "5m"),
  ).action(context.action((options: DestroyOptions) => destroy(context, options)));
  withHelp(
    command,
    [
      "slipway platform destroy --dry-run",
      "slipway platform destroy -e dev --yes",
      "slipway platform destroy --delete-volumes",
    ],
    `${exitCodesHelp("unreachable", "refused", "notFound")}\nA destroy that was interrupted is taken up by the next one.`,
  );
}

function destroy(context: CliContext, options: DestroyOptions): Promise<number> {
  const timeoutMs = readTimeout(options.timeout);
  const deleteVolumes = options.deleteVolumes === true;
  return onCluster(context, options, async (cluster) => {
    const isAsked = options.yes !== true && options.dryRun !== true;
    if (isAsked) refuseWithoutPerson(context, options);
    const planned = await cluster.planDestroy({ deleteVolumes });
    if (options.dryRun === true) return planned;
    if (isAsked) {
      printAnswer(context, options, planned);
      if (!(await isAgreed(context, "destroy this for good?")))
        return { json: { ok: false }, lines: ["nothing was touched"], isWell: false };
    }
    return cluster.destroy({ deleteVolumes, timeoutMs });
  });
}

function refuseWithoutPerson({ terminal }: CliContext, { json }: DestroyOptions): void {
  if (terminal.isInteractive && json !== true) return;
  throw new SlipwayError("USAGE", "nobody is there to be asked, so nothing was touched", {
    allowed: "--yes to destroy, --dry-run to see what would go",
  });
}
