import type { Gate, Project, RolloutMetric, RolloutPolicy, ServingSpec, Step } from "../spec/project.ts";
import { durationWords } from "../spec/units.ts";
import { forecast, type Forecast, type Traffic } from "./statistics/forecast.ts";
import { aboutTime, holdSentences, latestVerdict } from "./statistics/forecast-words.ts";
import { GATEWAY_WORDS } from "./gateway-limits.ts";
import type { SpecLimit } from "./gateway-limits.ts";
import { writtenSetting } from "./written-setting.ts";

/** What a platform knows of the service that a project would change. */
export interface PlannedService {
  name: string;
  project: string;
  champion: number | null;
  challenger: number | null;
  /** Of the latest version; null when no project has described it yet. */
  serving: ServingSpec | null;
  policy: RolloutPolicy | null;
}

export interface TrafficGiven extends Traffic {
  /** `measured` by the platform, `given` by whoever asks. */
  source: "measured" | "given";
}

/** What is known beside the file. */
export interface PlanFacts {
  /** Null: there is none yet. Undefined: nobody could be asked. */
  service: PlannedService | null | undefined;
  /** Undefined: not known. */
  traffic: TrafficGiven | undefined;
  /** A gateway divides requests, and can't do this of what the project asks for; absent: our router does. */
  limits?: readonly SpecLimit[];
  /** What has no worker gets a pod, which takes seconds; absent: a process of this machine. */
  isInPods?: boolean;
}

/** What a push of a project would do. */
export interface Plan {
  project: string;
  /** `unknown` when no platform was asked; `none` when the project serves no model. */
  change: "new" | "changed" | "unchanged" | "unknown" | "none";
  /** Settings of the service that change, one line each. */
  changes: string[];
  service: { name: string; champion: number | null; challenger: number | null } | null;
  steps: Pick<Step, "name" | "run" | "needs">[];
  gates: Gate[];
  rollout: RolloutPolicy | null;
  traffic: TrafficGiven | null;
  /** Null where nothing is compared or no traffic is known. Times in milliseconds; null: never. */
  forecast:
    | (Omit<Forecast, "sentences" | "promotes" | "takesOut" | "metrics"> &
        Times & {
          metrics: ({ metric: string } & Times)[];
        })
    | null;
  /** What the rollout will come to, one sentence each. */
  sentences: string[];
  /** What contradicts itself or can't be decided; nothing of it refuses the push. */
  warnings: string[];
}

interface Times {
  promotes: number | null;
  takesOut: number | null;
}

/** Wider margins that are tried, as multiples, until one can be proven before the deadline. */
const WIDER = [1.5, 2, 3, 4, 6, 10, 20];

/** A pod whose image is on its node is there in some seconds where nothing else keeps the node busy. */
const COLD_START_MS = 10_000;

/** What a push of a valid project would do. Pure. */
export function planProject(project: Project, facts: PlanFacts): Plan {
  const { model } = project;
  const policy = model ? project.rollout : null;
  const told = policy && facts.traffic ? forecast(policy, facts.traffic) : null;
  return {
    project: project.name,
    ...changeOf(project, facts.service),
    service: model
      ? {
          name: model.name,
          champion: facts.service?.champion ?? null,
          challenger: facts.service?.challenger ?? null,
        }
      : null,
    steps: project.pipeline.steps.map(({ name, run, needs }) => ({ name, run, needs })),
    gates: model?.gate ?? [],
    rollout: policy,
    traffic: facts.traffic ?? null,
    forecast: told && toJson(told),
    sentences: policy ? [...routingSentences(facts), ...sentencesOf(policy, facts, told)] : [],
    warnings: policy
      ? [
          ...limitWarnings(facts),
          ...coldStartWarnings(project, facts),
          ...stickyWarnings(project, facts),
          ...warningsOf(project, facts, told),
        ]
      : [],
  };
}

function toJson({ metrics, promotes, takesOut, willHold }: Forecast): Plan["forecast"] {
  const time = (ms: number): number | null => (ms === Infinity ? null : Math.round(ms));
  return {
    metrics: metrics.map((one) => ({
      metric: one.metric,
      promotes: time(one.promotes),
      takesOut: time(one.takesOut),
    })),
    promotes: time(promotes),
    takesOut: time(takesOut),
    willHold,
  };
}

function changeOf(project: Project, service: PlanFacts["service"]): Pick<Plan, "change" | "changes"> {
  if (!project.model) return { change: "none", changes: [] };
  if (service === undefined) return { change: "unknown", changes: [] };
  if (service === null) return { change: "new", changes: [] };
  const changes = [
    ...(service.project === project.name ? [] : [`project: ${service.project} -> ${project.name}`]),
    ...differences("serving", service.serving, project.serving),
    ...differences("rollout", service.policy, project.rollout),
  ];
  return { change: changes.length === 0 ? "unchanged" : "changed", changes };
}

function differences(section: string, before: object | null, after: object): string[] {
  if (before === null) return [];
  const old = before as Record<string, unknown>;
  const now = after as Record<string, unknown>;
  const keys = [...new Set([...Object.keys(old), ...Object.keys(now)])].sort();
  return keys.flatMap((key) => {
    const [a, b] = [writtenSetting(key, old[key]), writtenSetting(key, now[key])];
    return a === b ? [] : [`${section}.${key}: ${a} -> ${b}`];
  });
}

function sentencesOf(policy: RolloutPolicy, facts: PlanFacts, told: Forecast | null): string[] {
  const sentences: string[] = [];
  const isFirst = facts.service === null || facts.service?.champion === null;
  if (isFirst)
    sentences.push(
      "there is no champion yet: the first version takes over once its contract check has passed",
    );
  if (policy.shadow && !isFirst) sentences.push(shadowWords(policy.shadow));
  if (told) return [...sentences, ...told.sentences];
  const isJudged = policy.kind === "canary" || policy.shadow !== null;
  if (!isJudged) return [...sentences, ...forecast(policy, { requestsPerSecond: 0, errorRate: 0 }).sentences];
  if (isFirst) return sentences;
  return [
    ...sentences,
    "the service's traffic isn't known: nothing can be said about how long the verdict takes",
  ];
}

function shadowWords({ share, for: time }: { share: number; for: number | null }): string {
  const copies = `copies of ${share} % of the requests go to the challenger first`;
  return time === null
    ? `${copies}, and nothing else until a person says \`slipway approve\``
    : `${copies}, for ${durationWords(time)}`;
}

/** What is worth a line at push time: only what a person should act on. */
function warningsOf(project: Project, facts: PlanFacts, told: Forecast | null): string[] {
  const policy = project.rollout;
  const warnings = gateWarnings(project);
  if (!told || !facts.traffic) return warnings;
  const deadline = latestVerdict(policy);
  warnings.push(...holdSentences(policy, facts.traffic, told));
  for (const metric of policy.metrics) {
    const hint = widerMargin(policy, facts.traffic, metric, told);
    if (hint) warnings.push(hint);
  }
  for (const one of told.metrics)
    if (one.takesOut > deadline && one.promotes <= deadline)
      warnings.push(
        `${one.metric}: a version that is three margins worse is found after about ${aboutTime(one.takesOut)}, later than the deadline of ${aboutTime(deadline)}`,
      );
  return warnings;
}

function routingSentences({ limits }: PlanFacts): string[] {
  return limits === undefined ? [] : [GATEWAY_WORDS];
}

function limitWarnings({ limits = [] }: PlanFacts): string[] {
  return limits.map(({ path, message }) => `${path.join(".")}: ${message}; a push of it is refused`);
}

/** Where there are several serve pods, as by default in a cluster. */
function stickyWarnings({ serving: { sticky } }: Project, { isInPods, limits }: PlanFacts): string[] {
  if (isInPods !== true || limits !== undefined || sticky === undefined) return [];
  return [
    "serving.sticky: each serve pod counts callers by itself, and one who comes to several counts in each of them; the error rates of a verdict hold with one serve pod alone",
  ];
}

function coldStartWarnings(
  { serving: { scale, timeout } }: Project,
  { isInPods, limits }: PlanFacts,
): string[] {
  if (isInPods !== true || limits !== undefined || scale.min > 0 || timeout >= COLD_START_MS) return [];
  return [
    `serving.scale.min is 0, so the first request waits for a pod, which takes seconds; serving.timeout of ${durationWords(timeout)} ends most of them with 504`,
  ];
}

/** A gate that lets more through than the rollout does. */
function gateWarnings({ model, rollout }: Project): string[] {
  return (model?.gate ?? []).flatMap((gate) => {
    if (!("atLeastChampionMinus" in gate)) return [];
    const metric = rollout.metrics.find(({ name }) => name === gate.metric);
    if (!metric || !("from" in metric) || gate.atLeastChampionMinus <= metric.worseBy) return [];
    return [
      `the gate lets ${gate.metric} be ${gate.atLeastChampionMinus} below the champion's, the rollout takes a version out that is more than ${metric.worseBy} worse`,
    ];
  });
}

/** "errors: a margin of 1 pp could be proven in about 1.2 h", for a metric that holds the rollout up. */
function widerMargin(
  policy: RolloutPolicy,
  traffic: Traffic,
  metric: RolloutMetric,
  told: Forecast,
): string | undefined {
  const held = told.metrics.find((one) => one.metric === metric.name);
  if (!held || held.promotes <= latestVerdict(policy)) return undefined;
  const isRelative = "quantile" in metric;
  for (const times of WIDER) {
    const worseBy = metric.worseBy * times;
    if (worseBy >= (isRelative ? 10 : 0.5)) break;
    const { promotes } = forecast({ ...policy, metrics: [{ ...metric, worseBy }] }, traffic);
    if (promotes > latestVerdict(policy)) continue;
    const margin = `${Number((worseBy * 100).toPrecision(3))} ${isRelative ? "%" : "pp"}`;
    return `${metric.name}: a margin of ${margin} could be proven in about ${aboutTime(promotes)}`;
  }
  return undefined;
}
