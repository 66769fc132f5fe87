import type { Gate, RolloutMetric, RolloutPolicy } from "../spec/project.ts";
import { durationWords } from "../spec/units.ts";
import type { Plan, TrafficGiven } from "./plan.ts";

/** A plan in lines for a terminal. */
export function planLines(plan: Plan): string[] {
  const lines = [`project ${plan.project}`];
  const say = (key: string, text: string): void => void lines.push(`  ${key.padEnd(9)} ${text}`);
  if (plan.service) say("service", serviceWords(plan));
  for (const change of plan.changes) lines.push(`            ${change}`);
  say("pipeline", pipelineWords(plan.steps));
  for (const gate of plan.gates) say("gate", gateWords(gate));
  if (plan.rollout) {
    for (const [i, line] of rolloutWords(plan.rollout).entries()) say(i === 0 ? "rollout" : "", line);
    if (plan.traffic) say("traffic", trafficWords(plan.traffic));
    const told = plan.sentences.filter((sentence) => !plan.warnings.includes(sentence));
    for (const [i, sentence] of told.entries()) say(i === 0 ? "forecast" : "", sentence);
  }
  for (const warning of plan.warnings) say("warning", warning);
  return lines.map((line) => line.trimEnd());
}

function serviceWords({ change, service }: Plan): string {
  const name = service?.name ?? "";
  const champion = service?.champion ?? null;
  const holds = champion === null ? "no champion yet" : `champion version ${champion}`;
  const trial = service?.challenger ? `, version ${service.challenger} is on trial and gives way` : "";
  if (change === "unknown") return `${name}: no platform was asked what it is now`;
  return `${name}: ${change}, ${holds}${trial}`;
}

function pipelineWords(steps: Plan["steps"]): string {
  if (steps.length === 0) return "no steps: a push runs nothing";
  const shown = steps
    .slice(0, 20)
    .map(({ name, needs }) => (needs.length === 0 ? name : `${name} (after ${needs.join(", ")})`));
  return `${steps.length === 1 ? "1 step" : `${steps.length} steps`}: ${shown.join(", ")}${steps.length > 20 ? ", …" : ""}`;
}

function gateWords(gate: Gate): string {
  if ("min" in gate) return `${gate.metric} at least ${gate.min}`;
  if ("max" in gate) return `${gate.metric} at most ${gate.max}`;
  return `${gate.metric} at least the champion's less ${gate.atLeastChampionMinus}`;
}

function rolloutWords(policy: RolloutPolicy): string[] {
  const { shadow, kind, guard } = policy;
  const steps = kind === "canary" ? ` ${policy.steps.map((share) => `${share} %`).join(" -> ")}` : "";
  const watch = kind === "blue-green" ? `, the old champion ready for ${durationWords(policy.watch)}` : "";
  const isJudged = kind === "canary" || shadow !== null;
  const lines = [`${kind}${steps}${watch}`];
  if (shadow)
    lines.push(
      `shadow: copies of ${shadow.share} %${shadow.for === null ? " until a person says more" : ` for ${durationWords(shadow.for)}`}`,
    );
  if (isJudged) {
    lines.push(`judged by ${policy.metrics.map(metricWords).join("; ")}`);
    lines.push(
      `rolls a version within its margins back with at most ${percent(policy.falseRollbackRate)}, promotes one beyond with at most ${percent(policy.falsePromotionRate)}`,
    );
    lines.push(`undecided after ${durationWords(policy.deadline)}: ${policy.onNotEnoughData}`);
  }
  if (policy.fallback) lines.push("what the challenger fails is answered by the champion");
  if (policy.approval !== "none") lines.push(`waits for the yes of ${policy.approval}`);
  if (kind !== "instant")
    lines.push(
      guard === null
        ? "no absolute guard"
        : `guard: taken out at ${points(guard.errors)} more errors or ${percent(guard.latency)} more latency than before`,
    );
  return lines;
}

function metricWords(metric: RolloutMetric): string {
  if ("quantile" in metric)
    return `latency p${number(metric.quantile * 100)} (${percent(metric.worseBy)}, at least ${durationWords(metric.floor)})`;
  if (!("from" in metric)) return `errors (${points(metric.worseBy)})`;
  const within = metric.within === 0 ? "" : `, labels count after ${durationWords(metric.within)}`;
  return `${metric.name} from labels (${points(metric.worseBy)}${within})`;
}

function trafficWords(traffic: TrafficGiven): string {
  const parts = [`${number(traffic.requestsPerSecond)} requests/s`, `${percent(traffic.errorRate)} failed`];
  if (traffic.latency) parts.push(`p95 ${number(traffic.latency.p95)} ms`);
  if (traffic.labels) parts.push(`${number(traffic.labels.perSecond)} labels/s`);
  return `${parts.join(", ")} (${traffic.source})`;
}

function percent(fraction: number): string {
  return `${number(fraction * 100)} %`;
}

function points(fraction: number): string {
  return `${number(fraction * 100)} pp`;
}

function number(value: number): string {
  return String(value >= 100 ? Math.round(value) : Number(value.toPrecision(3)));
}
