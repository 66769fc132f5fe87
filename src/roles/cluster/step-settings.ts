import { SlipwayError } from "../../http/errors.ts";

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

type Environment = Readonly<Record<string, string | undefined>>;

const MAX_BYTES = 100 * 2 ** 30;

/** SETTING_MISSING or SETTING_INVALID names the variable. */
export function stepSettings(env: Environment): StepSettings {
  const httpUrl = (text: string): boolean =>
    URL.canParse(text) && ["http:", "https:"].includes(new URL(text).protocol);
  const number = (text: string): boolean => /^\d{1,15}$/.test(text);
  return {
    url: given(env, "SLIPWAY_URL", httpUrl, "an address such as http://slipway.slipway.svc:4600"),
    token: given(env, "SLIPWAY_TOKEN", () => true, "the token of the tenant's steps"),
    run: given(
      env,
      "SLIPWAY_PIPELINE_RUN",
      (text) => /^[A-Za-z0-9][\w-]*$/.test(text),
      "a pipeline run's id",
    ),
    step: given(env, "SLIPWAY_STEP", (text) => /^[a-z0-9-]+$/.test(text), "a step's name"),
    tryNumber: Number(given(env, "SLIPWAY_STEP_TRY", number, "a whole number", "0")),
    folder: given(
      env,
      "SLIPWAY_STEP_FOLDER",
      (text) => text.startsWith("/"),
      "an absolute path",
      "/var/lib/slipway",
    ),
    maxBytes: Number(
      given(env, "SLIPWAY_STEP_MAX_BYTES", number, "a whole number of bytes", String(MAX_BYTES)),
    ),
  };
}

function given(
  env: Environment,
  name: string,
  isRight: (text: string) => boolean,
  allowed: string,
  byDefault?: string,
): string {
  const text = env[name] || byDefault;
  if (!text) throw new SlipwayError("SETTING_MISSING", `${name} isn't set`, { where: name, allowed });
  if (isRight(text)) return text;
  // What could be a token is never shown.
  throw new SlipwayError("SETTING_INVALID", `${name} can't be that`, {
    where: name,
    given: text.slice(0, 100),
    allowed,
  });
}
