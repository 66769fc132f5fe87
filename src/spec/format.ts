import { printable } from "./issue.ts";
import type { SpecProblem } from "./parse.ts";

/** Columns of source that are shown of a long line. */
const WIDTH = 100;

/**
 * A block for a terminal: each problem with its place, the source line, a caret, what was given and what is
 * allowed. Safe to print whatever the file holds.
 */
export function formatProblems(problems: readonly SpecProblem[], text: string): string {
  const lines = text.split(/\r?\n|\r/);
  const blocks = problems.map((problem) => formatProblem(problem, lines[problem.line - 1] ?? ""));
  const count = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
  return `${blocks.join("\n\n")}\n\n${count}\n`;
}

function formatProblem(problem: SpecProblem, source: string): string {
  const number = String(problem.line);
  const gutter = " ".repeat(number.length);
  const { shown, caret } = excerpt(source, problem.column);
  const rows = [
    `${printable(problem.file)}:${problem.line}:${problem.column}: ${printable(problem.message)} (${problem.rule})`,
    `  ${number} | ${shown}`,
    `  ${gutter} | ${" ".repeat(caret)}^`,
  ];
  if (problem.given !== undefined) rows.push(`  given:   ${printable(problem.given)}`);
  if (problem.allowed !== undefined) rows.push(`  allowed: ${printable(problem.allowed)}`);
  return rows.join("\n");
}

/** The part of a line around a column, and how far in it the column lies once it is printed. */
function excerpt(source: string, column: number): { shown: string; caret: number } {
  const from = column <= WIDTH ? 0 : column - Math.floor(WIDTH / 2);
  const part = source.slice(from, from + WIDTH).replaceAll("\t", " ");
  const before = printable(part.slice(0, Math.max(0, column - 1 - from)));
  const head = from > 0 ? "…" : "";
  const tail = from + WIDTH < source.length ? "…" : "";
  return { shown: `${head}${printable(part)}${tail}`, caret: head.length + before.length };
}
