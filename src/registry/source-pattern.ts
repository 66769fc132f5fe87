import { SlipwayError } from "../http/errors.ts";

const NAME = "MLFLOW_CREATE_MODEL_VERSION_SOURCE_VALIDATION_REGEX";

/** What every client's source of a version must contain, as MLflow's server is told it; USAGE when it can't be read. */
export function sourcePattern(env: Readonly<Record<string, string | undefined>>): string | undefined {
  const text = env[NAME];
  if (text === undefined || text === "") return undefined;
  try {
    // oxlint-disable-next-line no-new
    new RegExp(text, "u");
    return text;
  } catch (error) {
    throw new SlipwayError("USAGE", `the environment variable ${NAME} is no regular expression`, {
      where: NAME,
      given: text.slice(0, 100),
      hint: "Correct it, or take it away: then every source is taken that MLflow's own rules allow.",
      cause: error,
    });
  }
}
