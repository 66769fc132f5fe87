import { toSlipwayError } from "../../http/errors.ts";

/** Says what is wrong with the variables; the exit code is that of a command that was called wrongly. */
export function exitBadSettings(error: unknown): void {
  const { code, message, hint, facts } = toSlipwayError(error);
  const given = facts.given === undefined ? "" : ` (given: ${facts.given})`;
  const allowed = facts.allowed === undefined ? "" : ` Allowed: ${facts.allowed}.`;
  console.error(`${code}: ${message}${given}.${allowed} ${hint}`);
  process.exitCode = 2;
}
