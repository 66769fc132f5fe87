import type { RE2JS } from "re2js";
import type { Comparison } from "../../search/filter.ts";
import { name, place } from "../../search/sql.ts";
import { invalid } from "../../wire/errors.ts";

/** Whether a text is as a comparison asks. */
export type Matcher = (text: string) => boolean;

/** Characters of a pattern; matching takes time in proportion to text and pattern. */
const MAX_PATTERN = 1000;

/**
 * The comparison as a function, for texts that the database has no index for. Regular expressions run in RE2, which takes
 * linear time and has neither look-around nor references back: no pattern makes it run away.
 */
export async function matcher(comparison: Comparison): Promise<Matcher> {
  const { operator, value } = comparison;
  if (Array.isArray(value)) {
    const values = new Set(value);
    return operator === "IN" ? (text) => values.has(text) : (text) => !values.has(text);
  }
  const wanted = String(value);
  if (operator === "=") return (text) => text === wanted;
  if (operator === "!=") return (text) => text !== wanted;
  if (wanted.length > MAX_PATTERN) {
    throw invalid(
      `The pattern for '${name(comparison)}' is longer than ${MAX_PATTERN} characters ${place(comparison)}`,
    );
  }
  if (operator === "RLIKE") return regularExpression(comparison, wanted);
  if (operator === "LIKE") return like(wanted);
  if (operator === "ILIKE") {
    const matches = like(wanted.toLowerCase());
    return (text) => matches(text.toLowerCase());
  }
  throw invalid(`Invalid comparator '${operator}' for '${name(comparison)}' ${place(comparison)}`);
}

async function regularExpression(comparison: Comparison, pattern: string): Promise<Matcher> {
  // Loaded when the first pattern comes: most platforms never see one.
  const { RE2JS: engine } = await import("re2js");
  let compiled: RE2JS;
  try {
    compiled = engine.compile(pattern);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw invalid(
      `Invalid regular expression for '${name(comparison)}': ${why.slice(0, 200)}; it must be one of RE2 ${place(comparison)}`,
    );
  }
  return (text) => compiled.matcher(text).find();
}

/** SQL's LIKE: `%` is any text, `_` any character, nothing escapes them. */
export function like(pattern: string): Matcher {
  const [head = "", ...pieces] = pattern.split("%");
  const tail = pieces.pop();
  if (tail === undefined) return (text) => text.length === head.length && standsAt(head, text, 0);
  return (text) => {
    if (text.length < head.length + tail.length) return false;
    const end = text.length - tail.length;
    if (!standsAt(head, text, 0) || !standsAt(tail, text, end)) return false;
    let at = head.length;
    for (const piece of pieces) {
      const found = indexOf(piece, text, at);
      if (found < 0) return false;
      at = found + piece.length;
    }
    return at <= end;
  };
}

function standsAt(piece: string, text: string, at: number): boolean {
  if (!piece.includes("_")) return text.startsWith(piece, at);
  if (at + piece.length > text.length) return false;
  for (let index = 0; index < piece.length; index++) {
    if (piece[index] !== "_" && piece[index] !== text[at + index]) return false;
  }
  return true;
}

function indexOf(piece: string, text: string, from: number): number {
  if (!piece.includes("_")) return text.indexOf(piece, from);
  for (let at = from; at + piece.length <= text.length; at++) if (standsAt(piece, text, at)) return at;
  return -1;
}
