import { COUNTED, type Counted, type Report } from "../import/driver/tally.ts";
import { size } from "./import-progress.ts";
import { oneLine, table } from "./terminal.ts";

export const IMPORTED_NAMES: Readonly<Record<Counted, string>> = {
  experiments: "experiments",
  runs: "runs",
  points: "points of metrics",
  loggedModels: "logged models",
  registeredModels: "registered models",
  versions: "model versions",
  traces: "traces",
  files: "files",
};
/** Problems that are shown; `--json` has more. */
const PROBLEMS = 20;

/** What an import has done, for people. */
export function formatImport(report: Report): string {
  const { isDryRun, counts } = report;
  const mlflow = report.version === null ? "MLflow" : `MLflow ${report.version}`;
  const rows = COUNTED.filter((name) => !(isDryRun && name === "points")).map((name) => {
    const { found, brought, unchanged, failed } = counts[name];
    return [IMPORTED_NAMES[name], String(found), String(brought), String(unchanged), String(failed)];
  });
  const lines = [
    `${isDryRun ? "Would bring" : "Brought"} to tenant ${report.tenant} from ${report.source} (${mlflow}):\n\n`,
    table(["", "FOUND", isDryRun ? "TO BRING" : "BROUGHT", "UNCHANGED", "FAILED"], rows),
    `\n${size(report.bytes)} of files${isDryRun ? " to bring" : ""}\n`,
    ...report.experiments.map(({ from, to, name, how }) =>
      how === "mapped"
        ? `experiment ${from} (${oneLine(name)}) has the id ${to} here: its own isn't free\n`
        : `experiment ${from} (${oneLine(name)}) went into experiment ${to}, which has that name here\n`,
    ),
    ...report.skipped.map((what) => `not brought: ${oneLine(what)}\n`),
    ...report.problems
      .slice(0, PROBLEMS)
      .map(({ kind, id, why }) => `problem: ${kind} ${oneLine(id)}: ${oneLine(why)}\n`),
  ];
  if (report.problemCount > PROBLEMS)
    lines.push(`… and ${report.problemCount - PROBLEMS} more problems: --json shows them\n`);
  if (report.checked) lines.push(checkedLine(report.checked));
  return lines.join("");
}

function checkedLine({ items, files, bytes, missing }: NonNullable<Report["checked"]>): string {
  const looked = `looked for ${items} things and ${files} files (${size(bytes)})`;
  if (missing.length === 0) return `checked: ${looked}; all are here\n`;
  return `checked: ${looked}; missing: ${missing.slice(0, PROBLEMS).map(oneLine).join(", ")}\n`;
}
