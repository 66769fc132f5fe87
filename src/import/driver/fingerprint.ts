import { createHash } from "node:crypto";

/** What the source said, in few characters. Lists of keys and values count in any order. */
export function fingerprintOf(message: unknown): string {
  return createHash("sha256")
    .update(JSON.stringify(ordered(message)))
    .digest("base64url")
    .slice(0, 32);
}

function ordered(value: unknown): unknown {
  if (Array.isArray(value)) {
    const items = value.map(ordered);
    const isKeyed = items.every((item) => typeof (item as { key?: unknown } | null)?.key === "string");
    return isKeyed ? items.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)) : items;
  }
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return entries.map(([key, item]) => [key, ordered(item)]);
}
