import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../base/clock.ts";
import { toSlipwayError } from "../http/errors.ts";
import type { ControlSecrets } from "./artifact-settings.ts";
import type { FromChild, PlatformConfig, ToChild } from "./config.ts";
import { composeControl, type Control } from "./compose-control.ts";
import { logDefect } from "./process-log.ts";

/** Longest that ending may take before the process just ends. */
const CLOSE_MS = 8_000;

/** The control process: git, pipelines, tracking, registry, rollouts, our API. Told what to be over IPC. */
export async function controlRole(): Promise<void> {
  const { config, secrets } = await started();
  let control: Control | undefined;
  const end = (code: number): void => {
    setTimeout(() => process.exit(code), CLOSE_MS).unref();
    void (control?.close() ?? Promise.resolve()).catch(logDefect).finally(() => process.exit(code));
  };
  process.on("unhandledRejection", (error) => logDefect(error, "unhandled rejection"));
  process.on("message", (message: ToChild) => {
    if (message.type === "stop") end(0);
  });
  // The supervisor has died; whoever starts the platform next begins with a clean table.
  process.on("disconnect", () => end(1));
  try {
    for (const name of ["control.sock", "hooks.sock"]) {
      const socket = join(config.runDir, name);
      if (existsSync(socket)) rmSync(socket);
    }
    control = await composeControl(config, {
      clock: systemClock,
      secrets,
      logDefect,
      onFatal: (error) => {
        logDefect(error, "store");
        process.exit(1);
      },
    });
    tell({ type: "ready" });
  } catch (error) {
    logDefect(error, "start");
    tell({ type: "failed", error: toSlipwayError(error).toJSON() });
    end(1);
  }
}

function started(): Promise<{ config: PlatformConfig; secrets: ControlSecrets }> {
  return new Promise((resolve) => {
    process.once("message", (message: ToChild) => {
      if (message.type === "start") resolve({ config: message.config, secrets: message.secrets ?? {} });
    });
  });
}

function tell(message: FromChild): void {
  process.send?.(message);
}
