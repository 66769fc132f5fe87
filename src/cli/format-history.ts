import type { HistoryEntry } from "../history/history.ts";
import { cut, oneLine, short, type Colors } from "./terminal.ts";

/** Metrics of one version that are shown. */
const SHOWN_METRICS = 6;

interface Around {
  colors: Colors;
  width: number;
}

/** One block for each entry: when, what, why; below it where it came from. */
export function formatHistory(entries: readonly HistoryEntry[], { colors, width }: Around): string {
  const blocks = entries.map((entry) => {
    const head =
      `${time(entry.from)} – ${entry.to === null ? "now" : time(entry.to)}  ` +
      `${colors.bold(`version ${entry.version}`)} ${entry.role}${shares(entry)}`;
    return [head, ...details(entry).map((line) => `  ${cut(line, width - 2)}`)].join("\n");
  });
  return blocks.length === 0 ? "nothing served\n" : `${blocks.join("\n\n")}\n`;
}

function details(entry: HistoryEntry): string[] {
  const { run, rollout, began, ended, project, commit, pipelineRunId, datasets } = entry;
  const metrics = Object.entries(entry.metrics).slice(0, SHOWN_METRICS);
  const made = [
    ...(project === null ? [] : [`project ${project}`]),
    ...(commit === null ? [] : [`commit ${short(commit)}`]),
    ...(pipelineRunId === null ? [] : [`pipeline run ${pipelineRunId}`]),
  ];
  return [
    rollout?.sentence ?? began.subject,
    `asked by ${entry.askedBy}, environment commit ${short(began.commit)}${rollout ? `, rollout ${rollout.id}` : ""}`,
    ...(made.length === 0 ? [] : [made.join(", ")]),
    ...(run === null
      ? []
      : [
          `tracking run ${run.id} ${run.name} in ${run.experimentName}${run.isDeleted ? " (deleted since)" : ""}`,
        ]),
    ...(datasets.length === 0
      ? []
      : [
          `data ${datasets.map(({ name, digest, context }) => `${name} ${digest}${context === "" ? "" : ` (${context})`}`).join(", ")}`,
        ]),
    ...(metrics.length === 0
      ? []
      : [
          metrics
            .map(([key, value]) => `${key} ${value === null ? "NaN" : Number(value.toPrecision(4))}`)
            .join(", "),
        ]),
    ...(ended === null ? [] : [`ended by ${ended.author}, ${short(ended.commit)}: ${ended.subject}`]),
  ].map(oneLine);
}

/** " (5 %, 25 %)", " (copies of 10 %)". */
function shares({ shares: all }: HistoryEntry): string {
  const words = all.map(({ weight, shadow }) => (shadow === null ? `${weight} %` : `copies of ${shadow} %`));
  const unlike = words.filter((word, at) => word !== words[at - 1]);
  return unlike.length === 0 ? "" : ` (${unlike.join(", ")})`;
}

function time(at: number): string {
  return new Date(at).toISOString().replace(/\.\d+Z$/, "Z");
}
