import type { SlipwayError } from "../http/errors.ts";
import { tame } from "./terminal.ts";
import type { Colors } from "./terminal.ts";

/** An error as people see it: message, facts, what to do next and the code; never a stack trace. */
export function formatError(error: SlipwayError, colors: Colors): string {
  const { where, given, allowed } = error.facts;
  const rows = [`${colors.red("slipway:")} ${tame(error.message)}`];
  if (where !== undefined) rows.push(`  where:   ${tame(where)}`);
  if (given !== undefined) rows.push(`  given:   ${tame(given)}`);
  if (allowed !== undefined) rows.push(`  allowed: ${tame(allowed)}`);
  rows.push(`  → ${tame(error.hint)} ${colors.dim(`(${error.code})`)}`);
  return `${rows.join("\n")}\n`;
}
