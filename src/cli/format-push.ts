import type { PushReport, ServiceReport } from "../push/driver/report.ts";
import { COUNTED } from "../import/driver/tally.ts";
import { IMPORTED_NAMES } from "./format-import.ts";
import { size } from "./import-progress.ts";
import { oneLine, short, table } from "./terminal.ts";

/** Problems that are shown; `--json` has more. */
const PROBLEMS = 20;

/** What a push has done, for people. */
export function formatPush(report: PushReport): string {
  const { isDryRun, counts, pipelineRuns } = report;
  const rows = COUNTED.filter((name) => !(isDryRun && name === "points")).map((name) => {
    const { found, brought, unchanged, failed } = counts[name];
    return [IMPORTED_NAMES[name], String(found), String(brought), String(unchanged), String(failed)];
  });
  rows.push([
    "pipeline runs",
    ...[pipelineRuns.found, pipelineRuns.brought, pipelineRuns.unchanged, 0].map(String),
  ]);
  const bytesThere = report.bytesThere > 0 ? `; ${size(report.bytesThere)} were there already` : "";
  const lines = [
    `${isDryRun ? "Would send" : "Sent"} ${report.project} from ${report.source.url} to ${report.target.url}, `,
    `tenant ${report.target.tenant}:\n\n`,
    table(["", "FOUND", isDryRun ? "TO SEND" : "SENT", "UNCHANGED", "FAILED"], rows),
    `\n${size(report.bytes)} of files${bytesThere}\n`,
    ...report.refs.map(
      ({ ref, from, commit }) =>
        `${oneLine(ref.replace(/^refs\/(?:heads|tags)\//, ""))}: ${from === null ? "new" : short(from)} → ${short(commit)}\n`,
    ),
    ...report.experiments.map(({ from, to, name, how }) =>
      how === "mapped"
        ? `experiment ${from} (${oneLine(name)}) has the id ${to} there: its own isn't free\n`
        : `experiment ${from} (${oneLine(name)}) went into experiment ${to}, which has that name there\n`,
    ),
    ...report.problems
      .slice(0, PROBLEMS)
      .map(({ kind, id, why }) => `problem: ${kind} ${oneLine(id)}: ${oneLine(why)}\n`),
  ];
  if (report.problemCount > PROBLEMS)
    lines.push(`… and ${report.problemCount - PROBLEMS} more problems: --json shows them\n`);
  if (report.service) lines.push(...serviceLines(report.service, report.target));
  else if (report.isComplete) lines.push("nothing goes live there: no version is live here\n");
  return lines.join("");
}

function serviceLines(service: ServiceReport, target: PushReport["target"]): string[] {
  const { model, version, state, sentence, url } = service;
  if (state === "planned") return [`version ${version} of ${model} would go live there: ${url}\n`];
  if (state === "serving") return [`version ${version} of ${model} serves there already: ${url}\n`];
  const said = sentence === null ? "" : `: ${oneLine(sentence)}`;
  return [`version ${version} of ${model} is ${state} there${said}\n`, `${nextStep(service, target)}\n`];
}

function nextStep({ model, state, url }: ServiceReport, target: PushReport["target"]): string {
  const there = `--url ${target.url} --tenant ${target.tenant}`;
  if (state === "promoted") return `call it: ${url}`;
  if (state === "rolledback") return `more: slipway why service/${model} ${there}`;
  return `watch it: slipway rollout show ${model} --watch ${there}`;
}
