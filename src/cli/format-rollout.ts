import type { Estimate, Percentiles, RolloutEvidence } from "../rollout/evidence.ts";
import { sparkline } from "./sparkline.ts";
import { ago, cut, oneLine, short, table, wrap } from "./terminal.ts";
import type { Colors } from "./terminal.ts";

/** A commit that a rollout made. */
export interface RolloutCommit {
  commit: string;
  at: number;
  subject: string;
}

interface Around {
  colors: Colors;
  /** Milliseconds since the epoch. */
  now: number;
  /** Characters of a line. */
  width: number;
}

const MOST_EXAMPLES = 3;
const MOST_COMMITS = 6;
const LINE_BLOCKS = 48;

/** One screen: what was decided or what is known so far, why, and what comes next. */
export function formatRollout(
  evidence: RolloutEvidence,
  commits: readonly RolloutCommit[],
  around: Around,
): string {
  const { width } = around;
  const lines = [
    ...headOf(evidence, around),
    ...wrap(evidence.sentence, width, "  "),
    ...guardLines(evidence, width),
    "",
    ...metricLines(evidence, width),
    ...latencyLines(evidence),
    ...wealthLines(evidence, width),
    ...section("what would change it:", evidence.change, width),
    ...section("outlook:", evidence.outlook, width),
    ...section("mind:", evidence.notes, width),
    ...shadowLines(evidence, width),
    ...commitLines(commits, around),
  ];
  return lines.map((line) => `${line}\n`).join("");
}

function headOf({ service, rollout }: RolloutEvidence, { colors, now }: Around): string[] {
  const against = rollout.champion === null ? "" : ` against version ${rollout.champion}`;
  const what = `${oneLine(service)}: version ${rollout.version}${against}`;
  const reason = rollout.state === "held" && rollout.reason ? ` (${oneLine(rollout.reason)})` : "";
  const state = `${colorOf(rollout.state, colors)(rollout.state)}${reason}`;
  return [`${colors.bold(what)}: ${state}${placeOf(rollout)}`, `  ${colors.dim(timesOf(rollout, now))}`];
}

function colorOf(state: RolloutEvidence["rollout"]["state"], colors: Colors): (text: string) => string {
  if (state === "promoted") return colors.green;
  if (state === "rolledback") return colors.red;
  return state === "held" ? colors.yellow : (text) => text;
}

function placeOf({
  endedAt,
  isShadow,
  progressingAt,
  kind,
  share,
  step,
  steps,
}: RolloutEvidence["rollout"]): string {
  if (endedAt !== null || progressingAt === null) return "";
  if (isShadow) return ", copies only";
  return kind === "canary" ? `, ${share} % (step ${step + 1} of ${steps.length})` : `, ${kind}, ${share} %`;
}

function timesOf(rollout: RolloutEvidence["rollout"], now: number): string {
  const { id, createdAt, deadlineAt, phaseEndsAt, endedAt, isShadow } = rollout;
  if ((endedAt ?? null) !== null) return `rollout ${id}, ended ${ago(endedAt, now)}`;
  // A platform of an earlier version doesn't tell all of them.
  const left = (what: string, at: number | null | undefined): string =>
    at === null || at === undefined ? "" : `, ${what} in ${ago(now, at).replace(" ago", "")}`;
  const ends = left(isShadow ? "copies end" : "watch ends", phaseEndsAt);
  return `rollout ${id}, begun ${ago(createdAt, now)}${ends}${left("deadline", deadlineAt)}`;
}

function guardLines({ guard }: RolloutEvidence, width: number): string[] {
  if (!guard) return [];
  const value = (number: number): string =>
    guard.what === "errors" ? percent(number) : `${number.toFixed(1)} ms (p95)`;
  return wrap(
    `The absolute guard fired, outside the declared rates: ${guard.what} were ${value(guard.before)} before the rollout ` +
      `and are ${value(guard.now)} now, above ${value(guard.limit)} (${guard.units} units).`,
    width,
    "  ",
  );
}

function metricLines(evidence: RolloutEvidence, width: number): string[] {
  const { metrics, harmThreshold, safetyThreshold, rollout, history } = evidence;
  if (metrics.length === 0) return [];
  // A first champion, or one that took over at once: a table of nothing would look like a judgement.
  if (rollout.endedAt !== null && history.length === 0) return ["it was never compared with another version"];
  if (evidence.compares === false)
    return ["all requests go to one version: there is none to compare it with, only the guard watches"];
  const rows = metrics.map((metric) => [
    oneLine(metric.metric),
    rate(metric.championRate),
    rate(metric.challengerRate),
    metric.margin,
    `${number(metric.harm)}/${number(harmThreshold)}`,
    `${number(metric.safety)}/${number(safetyThreshold)}`,
    metric.verdict,
  ]);
  const head = ["METRIC", "CHAMPION", "CHALLENGER", "MARGIN", "HARM", "SAFETY", "VERDICT"];
  return table(head, rows)
    .trimEnd()
    .split("\n")
    .map((line) => cut(line, width));
}

function latencyLines({ latency }: RolloutEvidence): string[] {
  if (!latency.champion && !latency.challenger) return [];
  return [
    `latency p50/p95/p99: champion ${percentiles(latency.champion)}, challenger ${percentiles(latency.challenger)}`,
  ];
}

function wealthLines(evidence: RolloutEvidence, width: number): string[] {
  const { history, harm, harmThreshold, safetyThreshold, metrics } = evidence;
  if (history.length === 0 || evidence.compares === false) return [];
  const blocks = Math.max(10, Math.min(LINE_BLOCKS, width - 40));
  const harms = history.map((point) => ({ at: point.at, value: point.harm }));
  // Every metric must be safe, so the least counts.
  const safeties = history.map(({ at, metrics: of }) => ({
    at,
    value: Math.min(...Object.values(of).map(({ safety }) => safety)),
  }));
  const least = Math.min(...metrics.map(({ safety }) => safety));
  return [
    "",
    "evidence over time (log):",
    `  of harm    ${sparkline(harms, harmThreshold, blocks)}  ${number(harm)}, taken out at ${number(harmThreshold)}`,
    ...(metrics.length === 0
      ? []
      : [
          `  of safety  ${sparkline(safeties, safetyThreshold, blocks)}  ${number(least)}, within at ${number(safetyThreshold)}`,
        ]),
  ];
}

function section(title: string, sentences: readonly string[] | undefined, width: number): string[] {
  if (sentences === undefined || sentences.length === 0) return [];
  const items = sentences.flatMap((sentence) => {
    const [first = "", ...more] = wrap(sentence, width, "    ");
    return [`  - ${first.trimStart()}`, ...more];
  });
  return ["", title, ...items];
}

function shadowLines({ shadow }: RolloutEvidence, width: number): string[] {
  if (!shadow) return [];
  const { compared, differed, dropped, examples } = shadow;
  const share = compared === 0 ? "" : ` (${percent(differed / compared)})`;
  return [
    "",
    `copies: ${compared} compared, ${differed} answered otherwise${share}, ${dropped} not sent`,
    ...examples
      .slice(0, MOST_EXAMPLES)
      .map(({ requestId, champion, challenger }) =>
        cut(
          `  ${requestId}: champion ${JSON.stringify(champion)}, challenger ${JSON.stringify(challenger)}`,
          width,
        ),
      ),
  ];
}

function commitLines(commits: readonly RolloutCommit[], { now, width }: Around): string[] {
  if (commits.length === 0) return [];
  return [
    "",
    "commits (environment.git):",
    ...commits
      .slice(-MOST_COMMITS)
      .map(({ commit, at, subject }) =>
        cut(`  ${short(commit)}  ${ago(at, now).padEnd(10)}  ${subject}`, width),
      ),
  ];
}

function rate(estimate: Estimate): string {
  if (!estimate) return "-";
  return `${percent(estimate.rate)} (${bare(estimate.low)}-${bare(estimate.high)})`;
}

function percentiles(of: Percentiles | null | undefined): string {
  return of === null || of === undefined
    ? "-"
    : `${[of.p50, of.p95, of.p99].map((value) => digits(value)).join("/")} ms`;
}

function percent(fraction: number): string {
  return `${bare(fraction)} %`;
}

/** Per cent without the sign: two digits behind the point below ten. */
function bare(fraction: number): string {
  const value = fraction * 100;
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

function digits(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(2);
}

/** A wealth: 0.04, 12, 3.1e7. */
function number(value: number | null | undefined): string {
  if (value === null || value === undefined || Number.isNaN(value)) return "-";
  if (value >= 1e5 || value < 0.001) return value.toExponential(1).replace("+", "");
  return value >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(2)));
}
