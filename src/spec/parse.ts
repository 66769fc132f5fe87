import { readDocument } from "./document.ts";
import type { SpecDocument } from "./document.ts";
import { explainIssues } from "./explain.ts";
import type { Issue } from "./issue.ts";
import type { Project } from "./project.ts";
import { projectSchema } from "./schema.ts";
import { findInconsistencies } from "./semantics.ts";

/** One thing wrong with a file. */
export interface SpecProblem {
  file: string;
  /** From 1. */
  line: number;
  /** From 1. */
  column: number;
  /** Stable name of the rule, such as `unknown-key`, `wrong-type`, `cycle`, `not-built-yet`. */
  rule: string;
  message: string;
  given?: string;
  allowed?: string;
}

export type ParseResult<T> = { ok: true; value: T } | { ok: false; problems: SpecProblem[] };

export type ParseProject = (text: string, file: string) => ParseResult<Project>;

/** More than this many problems are counted, not listed: whoever sees them has another kind of file. */
const MAX_PROBLEMS = 100;

/**
 * Parses slipway.yaml: defaults filled in, durations in milliseconds, sizes in bytes. All problems come at once, in
 * the file's order. Never throws.
 */
export const parseProject: ParseProject = (text, file) => {
  const read = readDocument(text, file);
  if (!read.ok) return read;
  const { data } = read.document;
  const parsed = projectSchema.safeParse(data);
  const issues = [
    ...(parsed.success ? [] : explainIssues(parsed.error.issues, data)),
    ...findInconsistencies(data),
  ];
  if (parsed.success && issues.length === 0) return { ok: true, value: parsed.data };
  return { ok: false, problems: locate(issues, read.document, file) };
};

function locate(issues: readonly Issue[], document: SpecDocument, file: string): SpecProblem[] {
  const problems = issues.slice(0, MAX_PROBLEMS).map(({ path, at, ...facts }) => {
    return { file, ...document.position(path, at), ...facts };
  });
  problems.sort((a, b) => a.line - b.line || a.column - b.column);
  if (issues.length > MAX_PROBLEMS)
    problems.push({
      file,
      line: 1,
      column: 1,
      rule: "too-many-problems",
      message: `there are ${issues.length - MAX_PROBLEMS} more problems`,
    });
  return problems;
}
