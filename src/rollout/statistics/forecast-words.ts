import type { RolloutMetric, RolloutPolicy } from "../../spec/project.ts";
import type { Forecast, Traffic } from "./forecast.ts";

/** Of a version whose time to be taken out is told. */
const WORSE_BY_MARGINS = 3;

const AT_DEADLINE: Readonly<Record<RolloutPolicy["onNotEnoughData"], string>> = {
  hold: "it will hold",
  rollback: "it will be rolled back",
  promote: "it will be promoted without evidence",
};

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
  const sentences = policy.metrics.flatMap((metric) => unknown(metric, traffic));
  sentences.push(...holdSentences(policy, traffic, told));
  if (told.metrics.length > 0 && !told.willHold && policy.kind === "canary")
    sentences.push(
      `${atTraffic(traffic)}: an equal version is promoted after about ${aboutTime(told.promotes)}`,
    );
  for (const one of told.metrics) {
    const metric = policy.metrics.find(({ name }) => name === one.metric);
    if (metric) sentences.push(takenOut(policy, traffic, metric, one.takesOut));
  }
  return sentences;
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
  return [
    `${atTraffic(traffic)}: all metrics together need ${times}: ${AT_DEADLINE[policy.onNotEnoughData]}`,
  ];
}

function unjudged(policy: RolloutPolicy): string {
  const name = policy.kind === "instant" ? "instant" : `blue-green`;
  const after =
    policy.kind === "instant" || policy.guard === null
      ? "nothing is compared with the champion"
      : `the guard watches for ${aboutTime(policy.watch)}, nothing is compared with the champion`;
  return `${name}: takes over all at once after its contract check; ${after}`;
}

function unknown(metric: RolloutMetric, traffic: Traffic): string[] {
  if ("from" in metric && !traffic.labels)
    return [`how many labels come isn't known yet: nothing can be said about ${metric.name}`];
  if ("quantile" in metric && !traffic.latency)
    return ["how long requests take isn't known yet: nothing can be said about latency"];
  return [];
}

function notProven(policy: RolloutPolicy, traffic: Traffic, metric: RolloutMetric, time: number): string {
  const end = AT_DEADLINE[policy.onNotEnoughData];
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
