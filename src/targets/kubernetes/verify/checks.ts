/** One thing that was looked at. */
export interface Check {
  name: string;
  /** `unknown`: it couldn't be looked at, and `says` why; counts as not well. */
  result: "passed" | "failed" | "warning" | "unknown";
  says: string;
  /** What to do about it. */
  hint?: string;
}

export const passed = (name: string, says: string): Check => ({ name, result: "passed", says });
export const failed = (name: string, says: string, hint?: string): Check => ({
  name,
  result: "failed",
  says,
  ...(hint === undefined ? {} : { hint }),
});

export function areWell(checks: readonly Check[]): boolean {
  return checks.every(({ result }) => result === "passed" || result === "warning");
}

const SIGNS: Readonly<Record<Check["result"], string>> = {
  passed: "ok  ",
  failed: "FAIL",
  warning: "note",
  unknown: "?   ",
};

export function checkLines(checks: readonly Check[]): string[] {
  return checks.flatMap(({ name, result, says, hint }) => [
    `${SIGNS[result]} ${name}: ${says}`,
    ...(hint === undefined ? [] : [`       → ${hint}`]),
  ]);
}
