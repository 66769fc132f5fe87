import type { RolloutMetric, RolloutPolicy } from "../../spec/project.ts";
import { medianPassage, type Walk } from "./first-passage.ts";
import { forecastSentences, latestVerdict } from "./forecast-words.ts";
import type { Hypothesis } from "./hypothesis.ts";
import { LatencyCurve } from "./latency-curve.ts";
import { hypothesesOf, MARGINS } from "./metric-state.ts";
import { unitFactors } from "./projection.ts";
import { marginsLevel, metricPart } from "./verdict.ts";

/** What is known of a service's traffic; undefined: not known. */
export interface Traffic {
  requestsPerSecond: number;
  /** Champion's share of failed requests. */
  errorRate: number;
  /** Milliseconds. */
  latency?: { p50: number; p95: number; p99: number };
  /** Labels that come, per second, and the champion's mean loss. */
  labels?: { perSecond: number; loss: number };
}

/** Median times in milliseconds; Infinity where no amount of traffic would do. */
export interface MetricForecast {
  metric: string;
  /** To promote a version that is exactly as good as the champion, all steps. */
  promotes: number;
  /** To take out one that is worse by three margins in this metric, with the steps that it gets through before. */
  takesOut: number;
}

export interface Forecast {
  /** Of the metrics whose traffic is known. */
  metrics: MetricForecast[];
  /** Slowest metric decides. */
  promotes: number;
  takesOut: number;
  /** True when `promotes` lies beyond the deadline. */
  willHold: boolean;
  /** "at 2 requests/s a 0.5 pp margin of errors can't be proven in 2 h (about 9 h): it will hold". */
  sentences: string[];
}

export type ForecastFunction = (policy: RolloutPolicy, traffic: Traffic) => Forecast;

/** Where a rollout stands: wealth of each metric against the null that its step must reject, and of its harm. */
export interface Standing {
  step: number;
  metrics: { metric: string; harm: number; safety: number; advance: number }[];
}

/** Margins by which a version is worse in `takesOut`. */
const WORSE_BY_MARGINS = 3;
/** A step has had this many units at least before the next one. */
const UNITS_PER_STEP = 10;
const LEAST_STEP_SECONDS = 0.2;
/** Share of the wealth that the right one of seven bets has, cash kept back: the others hardly grow. */
const RIGHT_BET = 0.7 / 7;
/** "It changes nothing" has more than half of the stakes. */
const EQUAL_BET = 0.7 * 0.6;
/** Of shadow copies: a coin decides whose outcome a request counts for. */
const SHADOW_SHARE = 0.5;
/** Nearer to 0 or 1 no rate is bet on. */
const EDGE = 1e-5;

/** One metric with the rates that it would show. */
interface Known {
  metric: RolloutMetric;
  unitsPerSecond: number;
  /** Milliseconds that a unit is old before it counts. */
  delay: number;
  /** Rates of a version against the null "worse by MARGINS[level] margins or more". */
  beyond(level: number, version: Version): Case;
  /** Rates against the null "within its margin", of one that is worse by three margins. */
  worse: Case;
}

type Version = "equal" | "worse";

interface Case {
  hypothesis: Hypothesis;
  p0: number;
  p1: number;
}

/**
 * Median times of a rollout at a given traffic, from the drift and the variance that a unit gives to the logarithm of
 * the right bet's wealth (per unit, in expectation: share * KL(p1 || p1*) + (1-share) * KL(p0 || p0*) with (p0*, p1*)
 * the projection on the null), the thresholds 1/falsePromotionRate and n/(0.9 falseRollbackRate), and what the mixture
 * of bets and the cash cost. Assumes constant rates and independent units. Pure.
 */
export const forecast: ForecastFunction = (policy, traffic) => {
  const known = policy.metrics.flatMap((metric) => knownMetric(metric, traffic) ?? []);
  const compares = policy.kind === "canary" || policy.shadow !== null;
  const metrics = compares
    ? known.map((one) => ({
        metric: one.metric.name,
        promotes: promotion(policy, [one]),
        takesOut: takingOut(policy, known, one),
      }))
    : [];
  const promotes = compares ? promotion(policy, known) : 0;
  const told = {
    metrics,
    promotes,
    takesOut: Math.max(0, ...metrics.map((one) => one.takesOut)),
    willHold: metrics.length > 0 && promotes > latestVerdict(policy),
  };
  return { ...told, sentences: forecastSentences(policy, traffic, told) };
};

/**
 * The same for a rollout that runs: median times from now on, with the wealth that it has. A step whose wealth isn't
 * told (those between the current one and the last) is taken to have the last one's, which is less.
 */
export function remaining(
  policy: RolloutPolicy,
  traffic: Traffic,
  standing: Standing,
): Omit<Forecast, "sentences"> {
  const known = policy.metrics.flatMap((metric) => knownMetric(metric, traffic) ?? []);
  const metrics = known.map((one) => ({
    metric: one.metric.name,
    promotes: promotion(policy, [one], standing),
    takesOut: takingOut(policy, known, one, standing),
  }));
  const promotes = promotion(policy, known, standing);
  const takesOut = Math.max(0, ...metrics.map((one) => one.takesOut));
  return { metrics, promotes, takesOut, willHold: metrics.length > 0 && promotes > policy.deadline };
}

function knownMetric(metric: RolloutMetric, traffic: Traffic): Known | undefined {
  if ("from" in metric) {
    if (!traffic.labels) return undefined;
    const { perSecond, loss } = traffic.labels;
    return {
      metric,
      unitsPerSecond: perSecond,
      delay: metric.within,
      ...pointCases(clamp(loss), metric.worseBy),
    };
  }
  if ("quantile" in metric) {
    if (!traffic.latency) return undefined;
    const cases = latencyCases(new LatencyCurve(traffic.latency), metric);
    return { metric, unitsPerSecond: traffic.requestsPerSecond, delay: 0, ...cases };
  }
  const cases = pointCases(clamp(traffic.errorRate), metric.worseBy);
  return { metric, unitsPerSecond: traffic.requestsPerSecond, delay: 0, ...cases };
}

function pointCases(p0: number, margin: number): Pick<Known, "beyond" | "worse"> {
  const p1 = { equal: p0, worse: clamp(p0 + WORSE_BY_MARGINS * margin) };
  const [within, ...beyond] = hypothesesOf("errors", margin) as [Hypothesis, ...Hypothesis[]];
  return {
    beyond: (level, version) => ({ hypothesis: beyond[level] ?? within, p0, p1: p1[version] }),
    worse: { hypothesis: within, p0, p1: p1.worse },
  };
}

/**
 * A champion's unit is slow above tau, a challenger's above (1 + m) tau: a version that is slower by the factor f has
 * S(tau * (1 + m) / f) slow units, S being the champion's curve, and is tested against p1 = p0.
 */
function latencyCases(
  curve: LatencyCurve,
  metric: Extract<RolloutMetric, { quantile: number }>,
): Pick<Known, "beyond" | "worse"> {
  const p0 = clamp(1 - metric.quantile);
  const tau = curve.quantile(metric.quantile);
  const above = (times: number) => Math.max(tau * (1 + metric.worseBy * times), tau + metric.floor * times);
  const slowdown = { equal: 1, worse: above(WORSE_BY_MARGINS) / tau };
  const [within, ...beyond] = hypothesesOf("latency", metric.worseBy) as [Hypothesis, ...Hypothesis[]];
  const rates = (times: number, version: Version) => ({
    p0,
    p1: clamp(curve.slower(above(times) / slowdown[version])),
  });
  return {
    beyond: (level, version) => ({
      hypothesis: beyond[level] ?? within,
      ...rates(MARGINS[level] ?? 1, version),
    }),
    worse: { hypothesis: within, ...rates(1, "worse") },
  };
}

/** A stretch of the rollout with one share; `scale`: of the requests that are drawn at it. */
interface Phase {
  share: number;
  scale: number;
  seconds: number;
  /** Of copies. What they say of latency isn't taken along to the first step. */
  isShadow?: boolean;
}

/** All phases that are left, each as long as its slowest metric needs, in milliseconds. */
function promotion(policy: RolloutPolicy, known: readonly Known[], standing?: Standing): number {
  const past = standing ? [] : shadowPhases(policy);
  if (policy.kind !== "canary") return lengthOf(past) * 1000;
  for (let step = standing?.step ?? 0; step < policy.steps.length; step++) {
    const phase = stepPhase({ policy, known, standing, past, step });
    if (phase.seconds === Infinity) return Infinity;
    past.push(phase);
  }
  return lengthOf(past) * 1000;
}

/** Until one that is worse in one metric is taken out, with the steps that it gets through before, in milliseconds. */
function takingOut(policy: RolloutPolicy, known: readonly Known[], one: Known, standing?: Standing): number {
  const phases = standing ? [] : shadowPhases(policy);
  // Without an end, or with nothing to compare after it, the shadow is all that there is.
  const [shadow] = phases;
  if (shadow && (policy.shadow?.for === null || policy.kind !== "canary")) shadow.seconds = Infinity;
  for (let step = standing?.step ?? 0; step < policy.steps.length && lengthOf(phases) < Infinity; step++)
    phases.push(stepPhase({ policy, known, standing, past: phases, step, worse: one }));
  const last = phases.at(-1);
  if (last) last.seconds = Infinity;
  const wealth = standing?.metrics.find(({ metric }) => metric === one.metric.name)?.harm;
  const threshold = 1 / (metricPart(policy.metrics.length) * policy.falseRollbackRate);
  const barrier = barrierOf(threshold, RIGHT_BET, wealth);
  return one.delay + passage(one, one.worse, phases, barrier) * 1000;
}

/** How long a step lasts: until each metric has rejected what it must, by an equal version or by one that is worse in `worse`. */
function stepPhase(at: {
  policy: RolloutPolicy;
  known: readonly Known[];
  standing: Standing | undefined;
  past: readonly Phase[];
  step: number;
  worse?: Known;
}): Phase {
  const { policy, past, step } = at;
  const last = policy.steps.length - 1;
  const share = (policy.steps[step] ?? 100) / 100;
  const phases = [...past, { share, scale: 1, seconds: Infinity }];
  let seconds = LEAST_STEP_SECONDS;
  for (const one of at.known) {
    const isWorse = one === at.worse;
    const rates = one.beyond(marginsLevel(policy, step), isWorse ? "worse" : "equal");
    const wealth = wealthAt(at.standing, one.metric.name, step === last);
    const barrier = barrierOf(1 / policy.falsePromotionRate, isWorse ? RIGHT_BET : EQUAL_BET, wealth);
    const reached = one.delay / 1000 + passage(one, rates, phases, barrier);
    seconds = Math.max(seconds, reached - lengthOf(past), UNITS_PER_STEP / (one.unitsPerSecond * share));
  }
  return { share, scale: 1, seconds };
}

function lengthOf(phases: readonly Phase[]): number {
  return phases.reduce((sum, phase) => sum + phase.seconds, 0);
}

/** The time before the first step, when a coin decides whose outcome of a copied request counts. */
function shadowPhases(policy: RolloutPolicy): Phase[] {
  const { shadow } = policy;
  if (shadow === null) return [];
  const seconds = (shadow.for ?? 0) / 1000;
  return [{ share: SHADOW_SHARE, scale: shadow.share / 100, seconds, isShadow: true }];
}

function wealthAt(standing: Standing | undefined, metric: string, isLast: boolean): number | undefined {
  const found = standing?.metrics.find((one) => one.metric === metric);
  return found && (isLast ? found.safety : Math.max(found.safety, found.advance));
}

/** Log-wealth to gain: what the mixture costs is paid once, and forgotten as the wealth grows by the right bet. */
function barrierOf(threshold: number, stake: number, wealth = 1): number {
  const cost = -Math.log(stake) / Math.max(1, wealth);
  return Math.max(0, Math.log(threshold / Math.max(wealth, 1e-9)) + (wealth < threshold ? cost : 0));
}

/** Seconds until the right bet's wealth has grown by `barrier`, all phases counted. */
function passage(one: Known, rates: Case, phases: readonly Phase[], barrier: number): number {
  if (!isOutside(rates)) return Infinity;
  const stretches = phases.map((phase, i) => {
    const { mean, variance } = gain(rates, phase.share);
    const isForgotten = phase.isShadow === true && "quantile" in one.metric && i < phases.length - 1;
    const perSecond = isForgotten ? 0 : one.unitsPerSecond * phase.scale;
    return { mean: mean * perSecond, variance: variance * perSecond, seconds: phase.seconds };
  });
  return medianPassage({ mean: 0, variance: 0 }, stretches, barrier);
}

/** What a unit adds to the log-wealth of the bet on (p0, p1) when these are the true rates; units come at random. */
function gain({ hypothesis, p0, p1 }: Case, share: number): Walk {
  const { champion, challenger } = unitFactors(hypothesis, share, p0, p1);
  const moment = (power: number): number =>
    share * ((1 - p1) * challenger.good ** power + p1 * challenger.bad ** power) +
    (1 - share) * ((1 - p0) * champion.good ** power + p0 * champion.bad ** power);
  return { mean: moment(1), variance: moment(2) };
}

/** A version that the null holds for gives no bet anything to grow by. */
function isOutside({ hypothesis, p0, p1 }: Case): boolean {
  const edge = hypothesis.ratio * p0 + hypothesis.margin;
  return hypothesis.side === "within" ? p1 > edge + EDGE / 10 : p1 < edge - EDGE / 10;
}

function clamp(rate: number): number {
  return Math.min(1 - EDGE, Math.max(EDGE, rate));
}
