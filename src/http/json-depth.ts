/** Deeper than any message of an API we speak; code that walks a message may then recurse. */
export const MAX_JSON_DEPTH = 100;

/** True when arrays and objects lie within each other more than `max` deep. Stops at the first such place. */
export function isDeeperThan(value: unknown, max: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (max === 0) return true;
  if (Array.isArray(value)) return value.some((item) => isDeeperThan(item, max - 1));
  // Most of what comes is a list of a thousand flat objects: nothing is allocated for each of them.
  for (const key in value) if (isDeeperThan((value as Record<string, unknown>)[key], max - 1)) return true;
  return false;
}
