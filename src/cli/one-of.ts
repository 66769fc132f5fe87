import { SlipwayError } from "../http/errors.ts";
import { nearest } from "../spec/nearest.ts";

/** An option's value that must be one of these; undefined when the option isn't given. USAGE names the nearest. */
export function oneOf<Value extends string>(
  option: string,
  given: string | undefined,
  allowed: readonly Value[],
): Value | undefined {
  if (given === undefined) return undefined;
  const found = allowed.find((value) => value === given);
  if (found !== undefined) return found;
  const near = nearest(given, [...allowed]);
  throw new SlipwayError(
    "USAGE",
    `${option} can't be ${JSON.stringify(given)}${near === undefined ? "" : `; did you mean ${near}?`}`,
    { where: option, given, allowed: allowed.join(", ") },
  );
}
