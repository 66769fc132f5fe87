import type { SpecDocument } from "./document.ts";
import type { Issue } from "./issue.ts";
import type { SpecProblem } from "./parse.ts";

/** More than this many problems are counted, not listed: whoever sees them has another kind of file. */
const MAX_PROBLEMS = 100;

/** Issues with their places in the file, in the file's order. */
export function locate(issues: readonly Issue[], document: SpecDocument, file: string): SpecProblem[] {
  const problems = issues.slice(0, MAX_PROBLEMS).map(({ path, at, ...facts }): SpecProblem => {
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
