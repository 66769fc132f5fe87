import type { SlipwayError } from "../http/errors.ts";

/** Exit codes of every command. */
export const EXIT = {
  ok: 0,
  /** What was asked for went wrong, or what was looked at isn't well. */
  failed: 1,
  /** The command line isn't understood. */
  usage: 2,
  /** No platform answers at the address. */
  unreachable: 3,
  /** The platform refused: a conflict, a missing right, a state that doesn't allow it. */
  refused: 4,
  /** What was named doesn't exist. */
  notFound: 5,
  /** A rollout that was watched ended, and its version wasn't promoted. */
  notPromoted: 6,
} as const;

const REFUSED = new Set([401, 403, 409, 412]);
const UNREACHABLE: ReadonlySet<string> = new Set([
  "PLATFORM_UNREACHABLE",
  "PLATFORM_UNEXPECTED",
  "IMPORT_SOURCE_UNREACHABLE",
  "IMPORT_SOURCE_UNEXPECTED",
  "IMPORT_INTERRUPTED",
  "CLUSTER_UNREACHABLE",
]);

/** The exit code that an error ends a command with. */
export function exitCodeOf(error: SlipwayError): number {
  if (error.code === "USAGE" || error.code === "NOT_BUILT_YET") return EXIT.usage;
  if (UNREACHABLE.has(error.code)) return EXIT.unreachable;
  if (REFUSED.has(error.status)) return EXIT.refused;
  return error.status === 404 ? EXIT.notFound : EXIT.failed;
}

/** The part of a command's help that names its exit codes. */
export function exitCodesHelp(...codes: (keyof typeof EXIT)[]): string {
  const words: Record<keyof typeof EXIT, string> = {
    ok: "done",
    failed: "failed",
    usage: "wrong use",
    unreachable: "platform not reachable",
    refused: "refused or in conflict",
    notFound: "doesn't exist",
    notPromoted: "ended without being promoted",
  };
  const shown = (["ok", "failed", "usage", ...codes] as const).filter(
    (code, i, all) => all.indexOf(code) === i,
  );
  return `Exit codes: ${shown.map((code) => `${EXIT[code]} ${words[code]}`).join(", ")}`;
}
