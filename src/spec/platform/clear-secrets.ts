import type { Position } from "../document.ts";
import { formatPath } from "../issue.ts";
import type { Issue, Path } from "../issue.ts";

/** Keys whose value would be a secret. `secret` and `key` aren't: they name one. */
const KEY =
  /(password|passwd|passphrase|token|apikey|accesskey|secretkey|secretaccesskey|privatekey|clientsecret|connectionstring)$/i;

/** Texts that are secrets wherever they stand. */
const VALUES: readonly RegExp[] = [
  /^[a-z][a-z0-9+.-]*:\/\/[^/\s:@]*:[^/\s@]+@/i,
  /-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----/,
  /\b(AKIA|ASIA)[0-9A-Z]{16}\b/,
  /\bgh[pousr]_[A-Za-z0-9]{30,}/,
  /\bgithub_pat_\w{30,}/,
  /\bglpat-[\w-]{16,}/,
  /\bxox[abprs]-[\w-]{10,}/,
  /\bhooks\.slack\.com\/services\/\w+/,
  /\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}/,
];

const MASK = "(a secret)";

/** What of a file may be shown: its data without secrets, the problems about these, and their texts. */
export interface ClearSecrets {
  shown: unknown;
  issues: Issue[];
  /** What must not be printed. */
  texts: string[];
}

/** Finds secrets that stand in the file in clear. */
export function findClearSecrets(data: unknown): ClearSecrets {
  const found: ClearSecrets = { shown: undefined, issues: [], texts: [] };
  found.shown = look(data, [], found);
  return found;
}

/**
 * A file's text with every secret in it made unreadable, each character by one, so that positions still fit: the rest
 * of the line in which it begins, however it is quoted there, and its words wherever they stand.
 */
export function maskSecrets(text: string, secrets: readonly string[], starts: readonly Position[]): string {
  const lines = text.split("\n");
  for (const { line, column } of starts) {
    const source = lines[line - 1] ?? "";
    lines[line - 1] = source.slice(0, column - 1) + "•".repeat(Math.max(0, source.length - column + 1));
  }
  // Two letters would be found all over the file, and give nothing away.
  const words = new Set(secrets.flatMap((secret) => secret.split(/\s+/)).filter((word) => word.length > 2));
  const longestFirst = [...words].sort((a, b) => b.length - a.length);
  return longestFirst.reduce((now, word) => now.replaceAll(word, "•".repeat(word.length)), lines.join("\n"));
}

function look(value: unknown, path: Path, found: ClearSecrets): unknown {
  if (Array.isArray(value)) return value.map((item, index) => look(item, [...path, index], found));
  if (typeof value === "object" && value !== null)
    return Object.fromEntries(
      Object.entries(value).map(([key, inner]) => [key, look(inner, [...path, key], found)]),
    );
  if (!isSecret(value, path)) return value;
  found.texts.push(String(value));
  found.issues.push({
    path,
    at: "value",
    rule: "secret-in-clear",
    message: `${formatPath(path)} holds a secret in clear; whoever reads the repository has it`,
    allowed:
      "the name of a Secret and a key in it, { secret: NAME, key: KEY }; and change this secret, it is known now",
  });
  return MASK;
}

function isSecret(value: unknown, path: Path): boolean {
  if (typeof value !== "string" && typeof value !== "number") return false;
  const key = path.at(-1);
  const word = typeof key === "string" ? key.replaceAll(/[-_.]/g, "") : "";
  return (value !== "" && KEY.test(word)) || VALUES.some((pattern) => pattern.test(String(value)));
}
