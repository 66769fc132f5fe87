import type { Command } from "commander";
import { withHelp } from "../../context.ts";
import type { CliContext } from "../../context.ts";
import { exitCodesHelp } from "../../exit.ts";
import { onCluster, readTimeout, withCluster } from "./with-cluster.ts";
import type { ClusterOptions } from "./with-cluster.ts";

/** `slipway platform status`: how it is, component by component. */
export function addPlatformStatus(platform: Command, context: CliContext): void {
  const command = withCluster(
    platform.command("status").description("say how the platform is, component by component"),
  ).action(
    context.action((options: ClusterOptions) => onCluster(context, options, (cluster) => cluster.status())),
  );
  withHelp(
    command,
    ["slipway platform status", "slipway platform status -e production --json"],
    `${exitCodesHelp("unreachable", "refused", "notFound")}\n1 is also the answer where something doesn't work.`,
  );
}

/** `slipway platform diff`: where the cluster isn't as the file says. */
export function addPlatformDiff(platform: Command, context: CliContext): void {
  const command = withCluster(
    platform
      .command("diff")
      .description("show drift: where the cluster isn't as the file says, and whose doing it is"),
  ).action(
    context.action((options: ClusterOptions) => onCluster(context, options, (cluster) => cluster.diff())),
  );
  withHelp(
    command,
    ["slipway platform diff", "slipway platform diff -e staging --json"],
    `${exitCodesHelp("unreachable", "refused", "notFound")}\n1 is also the answer where there is drift.`,
  );
}

/** `slipway platform doctor`: machine and cluster, before anything is applied. */
export function addPlatformDoctor(platform: Command, context: CliContext): void {
  const command = withCluster(
    platform
      .command("doctor")
      .description("look at this machine and the cluster for what apply would stumble over"),
  ).action(
    context.action((options: ClusterOptions) => onCluster(context, options, (cluster) => cluster.doctor())),
  );
  withHelp(
    command,
    ["slipway platform doctor", "slipway platform doctor -e production --json"],
    `${exitCodesHelp()}\n1 is also the answer where something is wrong; a note alone ends with 0.`,
  );
}

interface VerifyOptions extends ClusterOptions {
  isolation?: boolean;
  timeout: string;
}

/** `slipway platform verify`: the live checks. */
export function addPlatformVerify(platform: Command, context: CliContext): void {
  const command = withCluster(
    platform
      .command("verify")
      .description("check the running platform: health, certificates, alerts, isolation")
      .option("--isolation", "run hostile pods of each tenant against the others")
      .option("--timeout <time>", "longest wait for a probe", "3m"),
  ).action(
    context.action((options: VerifyOptions) => {
      const timeoutMs = readTimeout(options.timeout);
      const isolation = options.isolation === true;
      return onCluster(context, options, (cluster) => cluster.verify({ isolation, timeoutMs }));
    }),
  );
  withHelp(
    command,
    ["slipway platform verify", "slipway platform verify --isolation", "slipway platform verify --json"],
    `${exitCodesHelp("unreachable", "refused", "notFound")}\n1 is also the answer where a check failed.`,
  );
}
