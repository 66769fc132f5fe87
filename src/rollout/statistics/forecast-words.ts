import type { RolloutMetric, RolloutPolicy } from "../../spec/project.ts";
import type { Forecast, Traffic } from "./forecast.ts";

/** Of a version whose time to be taken out is told. */
const WORSE_BY_MARGINS = 3;

/** What the deadline ends in; an approval is asked for also where nothing was proven. */
function atDeadline({ onNotEnoughData, approval }: RolloutPolicy): string {
  if (onNotEnoughData === "hold") return "it will hold";
  if (onNotEnoughData === "rollback") return "it will be rolled back";
  return approval === "none"
    ? "it will be promoted without evidence"
    : `it will wait for the yes of ${approval} without evidence`;
}

/** Milliseconds from the first copy or step to the deadline, which begins anew when copies have had their time. */
export function latestVerdict(policy: RolloutPolicy): number {
  return policy.deadline + (policy.shadow?.for ?? 0);
}

/** What a forecast says to a person, one sentence each, in the order of their weight. */
export function forecastSentences(
  policy: RolloutPolicy,
  traffic: Traffic,
  told: Omit<Forecast, "sentences">,
): string[] {
  if (policy.kind !== "canary" && policy.shadow === null) return [unjudged(policy)];
  const sentences = policy.metrics.flatMap((metric) => unknown(policy, metric, traffic));
  sentences.push(...holdSentences(policy, traffic, told));
  if (policy.kind !== "canary") sentences.push(afterCopies(policy));
  else if (told.metrics.length > 0 && !told.willHold) sentences.push(promised(policy, traffic, told));
  for (const one of told.metrics) {
    const metric = policy.metrics.find(({ name }) => name === one.metric);
    if (metric) sentences.push(takenOut(policy, traffic, metric, one.takesOut));
  }
  return sentences;
}

/** When an equal version is promoted, or how far it comes by itself and what it then waits for. */
function promised(
  policy: RolloutPolicy,
  traffic: Traffic,
  { metrics, promotes }: Pick<Forecast, "metrics" | "promotes">,
): string {
  const known = new Set(metrics.map(({ metric }) => metric));
  const open = policy.metrics.filter(({ name }) => !known.has(name)).map(({ name }) => name);
  const start = isCopiesOnly(policy) ? "after a person's `slipway approve`, " : "";
  const when = `after about ${aboutTime(promotes)}`;
  // A yes to go on from copies isn't the one that a promotion needs.
  const isAsked = policy.approval !== "none";
  const goal = isAsked ? `it waits for the yes of ${policy.approval}` : "it is promoted";
  const version = `${start}${atTraffic(traffic)}${start === "" ? ":" : ""} an equal version`;
  if (open.length > 0) {
    const within = `is within its margins of ${list([...known])} ${when}`;
    return `${version} ${within}; before ${goal}, ${list(open)} must be too`;
  }
  return isAsked
    ? `${version} is within its margins ${when}; then ${goal}`
    : `${version} is promoted ${when}`;
}

/** Copies only, until a person says that it may go on. */
function isCopiesOnly({ shadow }: RolloutPolicy): boolean {
  return shadow !== null && shadow.for === null;
}

function list(names: readonly string[]): string {
  return names.join(" and ");
}

/** Of a kind that takes over all at once: nothing that the copies show hastens it. */
function afterCopies(policy: RolloutPolicy): string {
  const ofWhom = policy.approval === "none" ? "a person" : policy.approval;
  const yes = isCopiesOnly(policy) || policy.approval !== "none" ? ` and the yes of ${ofWhom}` : "";
  return `${policy.kind}: takes over all at once after the copies${yes}, unless they show it to be worse`;
}

/** Why there will be no verdict before the deadline, with the times that it would take; none when there will be one. */
export function holdSentences(
  policy: RolloutPolicy,
  traffic: Traffic,
  told: Pick<Forecast, "metrics" | "promotes" | "willHold">,
): string[] {
  if (!told.willHold) return [];
  const sentences = policy.metrics.flatMap((metric) => {
    const promotes = told.metrics.find((one) => one.metric === metric.name)?.promotes ?? 0;
    return promotes > latestVerdict(policy) ? [notProven(policy, traffic, metric, promotes)] : [];
  });
  if (sentences.length > 0) return sentences;
  const times = `about ${aboutTime(told.promotes)}, longer than ${aboutTime(latestVerdict(policy))}`;
  return [`${atTraffic(traffic)}: all metrics together need ${times}: ${atDeadline(policy)}`];
}

function unjudged(policy: RolloutPolicy): string {
  const name = policy.kind === "instant" ? "instant" : `blue-green`;
  const after =
    policy.kind === "instant" || policy.guard === null
      ? "nothing is compared with the champion"
      : `the guard watches for ${aboutTime(policy.watch)}, nothing is compared with the champion`;
  const yes = policy.approval === "none" ? "" : ` and the yes of ${policy.approval}`;
  return `${name}: takes over all at once after its contract check${yes}; ${after}`;
}

function unknown(policy: RolloutPolicy, metric: RolloutMetric, traffic: Traffic): string[] {
  if ("from" in metric && !traffic.labels) {
    const end = policy.kind === "canary" ? `, and without labels ${atDeadline(policy)}` : "";
    return [`how many labels come isn't known yet: nothing can be said about ${metric.name}${end}`];
  }
  if ("quantile" in metric && !traffic.latency)
    return ["how long requests take isn't known yet: nothing can be said about latency"];
  return [];
}

function notProven(policy: RolloutPolicy, traffic: Traffic, metric: RolloutMetric, time: number): string {
  const end = atDeadline(policy);
  const deadline = aboutTime(latestVerdict(policy));
  const needed = time === Infinity ? "no time would do" : `about ${aboutTime(time)}`;
  return `${atUnits(metric, traffic)} ${marginWords(metric)} of ${metric.name} can't be proven in ${deadline} (${needed}): ${end}`;
}

function takenOut(policy: RolloutPolicy, traffic: Traffic, metric: RolloutMetric, time: number): string {
  const version = `${atUnits(metric, traffic)} a version ${worseWords(metric, traffic)}`;
  if (time === Infinity) return `${version} isn't found`;
  if (time > latestVerdict(policy))
    return `${version} is found after about ${aboutTime(time)}, later than the deadline of ${aboutTime(latestVerdict(policy))}`;
  return `${version} is out after about ${aboutTime(time)}`;
}

function worseWords(metric: RolloutMetric, traffic: Traffic): string {
  if ("quantile" in metric) return `that is ${number(WORSE_BY_MARGINS * metric.worseBy * 100)} % slower`;
  const isLabel = "from" in metric;
  const before = isLabel ? (traffic.labels?.loss ?? 0) : traffic.errorRate;
  const after = Math.min(1, before + WORSE_BY_MARGINS * metric.worseBy);
  const rates = `${number(after * 100)} % instead of ${number(before * 100)} %`;
  return isLabel ? `that is wrong on ${rates} (${metric.name})` : `that fails ${rates}`;
}

/** "0.5 pp margin", "20 % margin". */
function marginWords(metric: RolloutMetric): string {
  return `a ${number(metric.worseBy * 100)} ${"quantile" in metric ? "%" : "pp"} margin`;
}

function atUnits(metric: RolloutMetric, traffic: Traffic): string {
  return "from" in metric && traffic.labels
    ? `at ${number(traffic.labels.perSecond)} labels/s`
    : atTraffic(traffic);
}

function atTraffic(traffic: Traffic): string {
  return `at ${number(traffic.requestsPerSecond)} requests/s`;
}

/** Three digits at most, without an exponent: 0.5, 12.3, 1200. */
function number(value: number): string {
  return String(value >= 100 ? Math.round(value) : Number(value.toPrecision(3)));
}

/** A time as a person says it: "25 s", "3 min", "9 h", "12 days". */
export function aboutTime(ms: number): string {
  const seconds = ms / 1000;
  if (seconds === Infinity) return "for ever";
  if (seconds < 1) return "1 s";
  if (seconds < 90) return `${short(seconds)} s`;
  if (seconds < 3600) return `${short(seconds / 60)} min`;
  if (seconds < 172_800) return `${short(seconds / 3600)} h`;
  return `${short(seconds / 86_400)} days`;
}

function short(value: number): string {
  return String(value < 10 ? Math.round(value * 10) / 10 : Math.round(value));
}
