import type { SqlValue } from "../../store/database.ts";

/** Counts of `mlflow.trace.tokenUsage` that have a column of the same name, for sums. */
export const TOKEN_COLUMNS = [
  "input_tokens",
  "output_tokens",
  "total_tokens",
  "cache_read_input_tokens",
  "cache_creation_input_tokens",
] as const;

export const TOKEN_KEYS = ["input_tokens", "output_tokens", "total_tokens"] as const;
export const CACHE_KEYS = [
  "cache_read_input_tokens",
  "cache_creation_input_tokens",
  "cache_creation_input_tokens_above_1hr",
] as const;
export const COST_KEYS = ["input_cost", "output_cost", "total_cost"] as const;

/** The token columns of a trace from the JSON that says them; what isn't a count is null. Pure. */
export function tokenColumns(usage: string | undefined): Map<string, SqlValue> {
  const columns = new Map<string, SqlValue>();
  if (usage === undefined) return columns;
  let parsed: unknown;
  try {
    parsed = JSON.parse(usage);
  } catch {
    return columns;
  }
  if (typeof parsed !== "object" || parsed === null) return columns;
  for (const column of TOKEN_COLUMNS) {
    const value = (parsed as Record<string, unknown>)[column];
    if (value !== undefined) columns.set(column, Number.isSafeInteger(value) ? (value as number) : null);
  }
  return columns;
}

/** JSON as Python writes it, since clients compare the text; `whole` numbers of costs get a `.0`. */
export function pythonJson(counts: Readonly<Record<string, number>>, kind: "counts" | "costs"): string {
  const entries = Object.entries(counts).map(([key, value]) => {
    const text = JSON.stringify(value);
    return `${JSON.stringify(key)}: ${kind === "costs" && /^-?\d+$/.test(text) ? `${text}.0` : text}`;
  });
  return `{${entries.join(", ")}}`;
}
