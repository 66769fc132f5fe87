import { ABSOLUTE_PATH, HTTP_ADDRESS, optional, setting, whole, type Environment } from "./settings.ts";

/** What a step's pod is told, by `SLIPWAY_*` variables. Everything else it asks the platform. */
export interface StepSettings {
  /** Of the platform. */
  url: string;
  /** Of the tenant's steps. */
  token: string;
  run: string;
  step: string;
  /** Which pod of the step this is, 0 for the first. */
  tryNumber: number;
  /** Absolute. Working folder, environments, home. */
  folder: string;
  /** What the files of a pipeline run may have together, in bytes. */
  maxBytes: number;
}

const MAX_BYTES = 100 * 2 ** 30;

/** SETTING_MISSING or SETTING_INVALID names the variable. */
export function stepSettings(env: Environment): StepSettings {
  return {
    url: setting(env, "SLIPWAY_URL", HTTP_ADDRESS),
    token: setting(env, "SLIPWAY_TOKEN", { allowed: "the token of the tenant's steps", isSecret: true }),
    run: setting(env, "SLIPWAY_PIPELINE_RUN", {
      allowed: "a pipeline run's id",
      isRight: (text) => /^[A-Za-z0-9][\w-]*$/.test(text),
    }),
    step: setting(env, "SLIPWAY_STEP", {
      allowed: "a step's name",
      isRight: (text) => /^[a-z0-9-]+$/.test(text),
    }),
    tryNumber: whole(env, "SLIPWAY_STEP_TRY", 0, 0),
    folder: optional(env, "SLIPWAY_STEP_FOLDER", ABSOLUTE_PATH) ?? "/var/lib/slipway",
    maxBytes: whole(env, "SLIPWAY_STEP_MAX_BYTES", 0, MAX_BYTES),
  };
}
