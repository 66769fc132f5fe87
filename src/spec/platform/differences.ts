import { isMap, itemsByName } from "./named-lists.ts";

/** Steps to a part of a platform: keys, and names of a list's items. */
export type PartPath = readonly string[];

/** A part in which two versions of a platform differ; undefined where one of them hasn't got it. */
export interface Difference {
  path: PartPath;
  from: unknown;
  to: unknown;
}

/** Every part in which two versions of the file's data differ, as far down as both have maps or named lists. */
export function differences(from: unknown, to: unknown, path: PartPath = []): Difference[] {
  const [left, right] = [partsOf(from), partsOf(to)];
  if (left === undefined || right === undefined)
    return JSON.stringify(from) === JSON.stringify(to) ? [] : [{ path, from, to }];
  const keys = new Set([...left.keys(), ...right.keys()]);
  return [...keys].flatMap((key) => differences(left.get(key), right.get(key), [...path, key]));
}

/** `["tenants", "team-a", "quota"]` as a person writes it: `tenants.team-a.quota`. */
export function formatPart(path: PartPath): string {
  return path.join(".");
}

function partsOf(value: unknown): Map<string, unknown> | undefined {
  if (isMap(value)) return new Map(Object.entries(value));
  return itemsByName(value);
}
