/** Names whose values nobody may find in a log. */
const SECRET =
  /pass(word|wd|phrase)|secret|token$|devicecode|authorization|credential|api[_-]?key|private[_-]?key|cookie/i;
const LONGEST = 200;
const MOST_FIELDS = 40;
const MOST_ITEMS = 10;
const DEEPEST = 4;

/**
 * A request's fields for the audit log: secrets are named and not shown, texts cut, long lists counted. What remains has
 * at most a few kilobytes.
 */
export function auditedFields(value: unknown, depth = 0): unknown {
  if (typeof value === "string") return value.length <= LONGEST ? value : `${value.slice(0, LONGEST)}…`;
  if (typeof value === "bigint") return String(value);
  if (typeof value !== "object" || value === null) return value;
  if (depth >= DEEPEST) return "…";
  if (Array.isArray(value)) {
    if (value.length > MOST_ITEMS) return `${value.length} items`;
    return value.map((item) => auditedFields(item, depth + 1));
  }
  const named = typeof (value as { key?: unknown }).key === "string" ? (value as { key: string }).key : "";
  const fields: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(value).slice(0, MOST_FIELDS)) {
    const isSecret = SECRET.test(name) || (name === "value" && SECRET.test(named));
    fields[name] =
      isSecret && field !== null && field !== undefined ? "***" : auditedFields(field, depth + 1);
  }
  return fields;
}
