/** Deeper than any message of an API we speak; code that walks a message may then recurse. */
export const MAX_JSON_DEPTH = 100;

/** True when arrays and objects lie within each other more than `max` deep. Stops at the first such place. */
export function isDeeperThan(value: unknown, max: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (max === 0) return true;
  return Object.values(value).some((item) => isDeeperThan(item, max - 1));
}
