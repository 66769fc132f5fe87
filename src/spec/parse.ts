import type { Project } from "./project.ts";

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
