import type { ErrorCode } from "../../../http/errors.ts";
import type { ProcessEnd } from "./process-group.ts";

/** Why an attempt of a step failed: one line for a person, and its code in the catalogue. */
export interface Failure {
  code: ErrorCode;
  message: string;
  exitCode?: number;
}

/** What the end of a step's process says, with the last line that it wrote; undefined when it went well. */
export function failureOf(end: ProcessEnd, lastLine: string | undefined): Failure | undefined {
  if (end.code === 0) return undefined;
  const said = lastLine === undefined ? "" : `: ${lastLine.slice(0, 400)}`;
  if (end.code === null) {
    const hint = end.signal === "SIGKILL" ? " (by the system when it ran out of memory, or by somebody)" : "";
    return { code: "STEP_FAILED", message: `ended by ${end.signal}${hint}${said}` };
  }
  const notFound = end.code === 127 && /not found/.test(lastLine ?? "");
  return {
    code: notFound ? "STEP_COMMAND_NOT_FOUND" : "STEP_FAILED",
    message: `exit code ${end.code}${said}`,
    exitCode: end.code,
  };
}

/** Bytes as people read them: `4.1 GiB`. */
export function showBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${Number(value.toFixed(1))} ${units[unit]}`;
}

/** Milliseconds as the project file writes them: `30m`, `1.5s`. */
export function showDuration(ms: number): string {
  for (const [unit, size] of [
    ["h", 3_600_000],
    ["m", 60_000],
    ["s", 1000],
  ] as const)
    if (ms >= size) return `${Number((ms / size).toFixed(1))}${unit}`;
  return `${ms}ms`;
}
