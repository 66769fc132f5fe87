import type { Command } from "commander";
import type { AddCommand, CliContext } from "../../context.ts";
import { withHelp } from "../../context.ts";
import { exitCodesHelp } from "../../exit.ts";
import { addPlatformApply } from "./apply.ts";
import { addPlatformCan } from "./can.ts";
import { addPlatformDestroy } from "./destroy.ts";
import { addPlatformInit } from "./init.ts";
import { addPlatformLock } from "./lock.ts";
import { addPlatformDiff, addPlatformDoctor, addPlatformStatus, addPlatformVerify } from "./look.ts";
import { addPlatformPause, addPlatformResume } from "./pause.ts";
import { addPlatformPlan } from "./plan.ts";
import { addPlatformPromote } from "./promote.ts";
import { addPlatformRender } from "./render.ts";

/** In the order of the help. */
const COMMANDS: readonly AddCommand[] = [
  addPlatformInit,
  addPlatformRender,
  addPlatformLock,
  addPlatformPromote,
  addPlatformPlan,
  addPlatformApply,
  addPlatformStatus,
  addPlatformDiff,
  addPlatformVerify,
  addPlatformCan,
  addPlatformPause,
  addPlatformResume,
  addPlatformDestroy,
  addPlatformDoctor,
];

/** `slipway platform …`: a whole platform on Kubernetes, out of one file. */
export function addPlatform(program: Command, context: CliContext): void {
  const platform = program
    .command("platform")
    .description("a whole platform on Kubernetes, out of platform.yaml");
  for (const add of COMMANDS) add(platform, context);
  withHelp(
    platform,
    [
      "slipway platform init",
      "slipway platform render --out deploy --json",
      "slipway platform plan -e staging",
    ],
    exitCodesHelp(),
  );
}
