import { readDocument } from "./document.ts";
import { explainIssues } from "./explain.ts";
import type { FileRules } from "./explain.ts";
import { projectJsonSchema } from "./json-schema.ts";
import { locate } from "./locate.ts";
import { notBuiltYet } from "./not-built.ts";
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
    ...(parsed.success ? [] : explainIssues(parsed.error.issues, data, projectRules())),
    ...findInconsistencies(data),
  ];
  if (parsed.success && issues.length === 0) return { ok: true, value: parsed.data };
  return { ok: false, problems: locate(issues, read.document, file) };
};

function projectRules(): FileRules {
  return { schema: projectJsonSchema(), notBuilt: notBuiltYet };
}
