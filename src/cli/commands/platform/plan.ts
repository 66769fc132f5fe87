import type { Command } from "commander";
import { withHelp } from "../../context.ts";
import type { CliContext } from "../../context.ts";
import { exitCodesHelp } from "../../exit.ts";
import { onCluster, withCluster } from "./with-cluster.ts";
import type { ClusterOptions } from "./with-cluster.ts";

interface PlanOptions extends ClusterOptions {
  adopt?: boolean;
  forceConflicts?: boolean;
}

/** `slipway platform plan`: what apply would do, field by field, before anything is touched. */
export function addPlatformPlan(platform: Command, context: CliContext): void {
  const command = withCluster(
    platform
      .command("plan")
      .description("say what apply would do, field by field, and touch nothing")
      .option("--adopt", "as if apply took over objects that somebody else made")
      .option("--force-conflicts", "as if apply took over fields that somebody else owns"),
  ).action(
    context.action((options: PlanOptions) =>
      onCluster(context, options, (cluster) =>
        cluster.plan({
          adopt: options.adopt === true,
          forceConflicts: options.forceConflicts === true,
          replace: false,
          upgrade: false,
          wait: false,
          timeoutMs: 0,
        }),
      ),
    ),
  );
  withHelp(
    command,
    ["slipway platform plan", "slipway platform plan -e production", "slipway platform plan --json"],
    `${exitCodesHelp("unreachable", "refused")}\n1 is also the answer where an object stands in the way or the wiring is broken.`,
  );
}
