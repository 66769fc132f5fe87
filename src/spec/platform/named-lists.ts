/** Keys and values of a map of YAML. */
export type Fields = Record<string, unknown>;

/** Whether a value is a map. */
export function isMap(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The names of a list all whose items have one; undefined for any other value, and for a list of nothing. */
export function namesOf(value: unknown): string[] | undefined {
  if (!Array.isArray(value) || value.length === 0) return undefined;
  const names = value.map((item) => (isMap(item) ? item["name"] : undefined));
  return names.every((name) => typeof name === "string") ? names : undefined;
}

/** The items of such a list by their names. */
export function itemsByName(value: unknown): Map<string, unknown> | undefined {
  const names = namesOf(value);
  return names && new Map(names.map((name, index) => [name, (value as unknown[])[index]]));
}
