import type { Command } from "commander";
import { withHelp } from "../../context.ts";
import type { CliContext } from "../../context.ts";
import { exitCodesHelp } from "../../exit.ts";
import { isAgreed, onCluster, printAnswer, readTimeout, withCluster } from "./with-cluster.ts";
import type { ClusterOptions } from "./with-cluster.ts";

interface ApplyOptions extends ClusterOptions {
  adopt?: boolean;
  forceConflicts?: boolean;
  replace?: boolean;
  upgrade?: boolean;
  wait: boolean;
  timeout: string;
  commit?: boolean;
  message?: string;
  yes?: boolean;
}

/** `slipway platform apply`: brings the cluster, or the environment repository, to what the file says. */
export function addPlatformApply(platform: Command, context: CliContext): void {
  const command = withCluster(
    platform
      .command("apply")
      .description("bring the cluster to what the file says, and wait until it works")
      .option("--commit", "write the rendered folder into the environment repository instead")
      .option("-m, --message <text>", "first line of that commit")
      .option("--adopt", "take over objects that somebody else made")
      .option("--force-conflicts", "take over fields that somebody else owns")
      .option("--replace", "delete and make anew what can't be changed")
      .option("--upgrade", "go on from what an older slipway applied")
      .option("--yes", "don't show the plan and ask, as is done on a terminal")
      .option("--no-wait", "don't wait until all of it works")
      .option("--timeout <time>", "longest wait for each step", "10m"),
  ).action(context.action((options: ApplyOptions) => apply(context, options)));
  withHelp(
    command,
    [
      "slipway platform apply",
      "slipway platform apply -e staging --timeout 20m",
      'slipway platform apply -e production --commit -m "Raise the quota of team-a"',
    ],
    `${exitCodesHelp("unreachable", "refused")}\nAn apply that was interrupted is taken up by the next one.`,
  );
}

function apply(context: CliContext, options: ApplyOptions): Promise<number> {
  const wishes = {
    adopt: options.adopt === true,
    forceConflicts: options.forceConflicts === true,
    replace: options.replace === true,
    upgrade: options.upgrade === true,
    wait: options.wait,
    timeoutMs: readTimeout(options.timeout),
  };
  return onCluster(context, options, async (cluster) => {
    if (options.commit === true) return cluster.commit(options.message);
    if (context.terminal.isInteractive && options.yes !== true && options.json !== true) {
      const planned = await cluster.plan(wishes);
      printAnswer(context, options, planned);
      if (!(await isAgreed(context, "apply this?")))
        return { json: { ok: false }, lines: ["nothing was touched"], isWell: false };
    }
    return cluster.apply(wishes);
  });
}
