import type { RolloutMetric } from "../spec/project.ts";
import { type GuardFinding, type Judgement, LEFT, type MetricEvidence } from "./judge.ts";
import type { SinceSwitch } from "./situation.ts";
import type { Rollout } from "./state.ts";
import { describeLeft, grouped } from "./statistics/sentence.ts";

/** The counts of a judgement with the versions' numbers: of the metric to blame, or of all. */
export function describeEvidence(rollout: Rollout): string {
  const metrics = rollout.judgement?.metrics ?? [];
  const blamed = metrics.filter((metric) => metric.verdict === "worse");
  const left = isBlamedOnLeaving(rollout) ? rollout.judgement?.left : undefined;
  if (left) return describeLeft(left, `version ${rollout.version}`, championOf(rollout));
  const told = blamed.length > 0 ? blamed : metrics;
  if (!told.some(hasUnits)) return "no outcome was seen";
  return told.map((metric) => describeMetric(metric, rollout)).join("; ");
}

/** True where it is worse because callers leave it, not because of a metric (which may have the same name). */
function isBlamedOnLeaving({ judgement }: Rollout): boolean {
  return judgement?.blamed === LEFT && !judgement.metrics.some(({ verdict }) => verdict === "worse");
}

function championOf({ champion }: Rollout): string {
  return champion === null ? "the champion" : `version ${champion}`;
}

/**
 * "version 3 failed 72 of 310 requests, version 2 2 of 2,890", "version 3 was slower than 36 ms in 61 of 410, version 2
 * slower than 30 ms in 20 of 3,900", "version 3 was wrong on 64 of 70 labelled answers (accuracy), version 2 on 90 of
 * 2,890", "version 3 had a mean loss of 0.125 over 81 labelled answers (cost), version 2 0.051 over 700": of labels it says
 * that only labelled answers are known.
 */
function describeMetric(metric: MetricEvidence, rollout: Rollout): string {
  const challenger = `version ${rollout.version}`;
  const champion = championOf(rollout);
  const [of, ofChampion] = [ratio(metric.challenger), ratio(metric.champion)];
  if (metric.kind === "errors")
    return `${challenger} failed ${of} ${unitsOf(rollout)}, ${champion} ${ofChampion}`;
  if (metric.kind === "labels") {
    if (metric.challenger.units === 0) return `no answer of ${challenger} is labelled (${metric.metric})`;
    if (!isCounted(metric))
      return (
        `${challenger} had a mean loss of ${meanLoss(metric.challenger)} labelled answers (${metric.metric}), ` +
        `${champion} ${meanLoss(metric.champion)}`
      );
    return `${challenger} was wrong on ${of} labelled answers (${metric.metric}), ${champion} on ${ofChampion}`;
  }
  if (!hasUnits(metric) || !metric.slowAbove)
    return `the latency of ${challenger} can't be compared with ${champion}'s yet`;
  const { slowAbove } = metric;
  return (
    `${challenger} was slower than ${milliseconds(slowAbove.challenger)} in ${of}, ` +
    `${champion} slower than ${milliseconds(slowAbove.champion)} in ${ofChampion}`
  );
}

/** True while every answer was right or wrong as a whole, so that the sum of the losses is a number of answers. */
function isCounted({ champion, challenger }: MetricEvidence): boolean {
  return [champion, challenger].every(({ loss }) => Math.abs(loss - Math.round(loss)) < 1e-6);
}

function meanLoss({ units, loss }: { units: number; loss: number }): string {
  return `${units === 0 ? "unknown" : Number((loss / units).toPrecision(3))} over ${grouped(units)}`;
}

function hasUnits({ champion, challenger }: MetricEvidence): boolean {
  return champion.units + challenger.units > 0;
}

function unitsOf({ phase, request }: Rollout): string {
  if (phase === "shadow") return "copies";
  return request.policy.shadow === null || request.atOnce ? "requests" : "requests and copies";
}

/**
 * "version 3 failed 72 of 310 requests, version 2 2 of 2,890: taken out after 4.1 s, 31 bad answers". Bad answers are
 * those that callers got: not copies, nor what a fall-back answered. Labels tell of a part of the answers only, so a
 * rollback because of them also says how many answers were given by then.
 */
export function takenOut(rollout: Rollout, now: number, badAnswers: number): string {
  const metrics = rollout.judgement?.metrics ?? [];
  const blamed = metrics.filter((metric) => metric.verdict === "worse");
  const answered = metrics.find((metric) => metric.kind !== "labels")?.challenger.units;
  const isUntold =
    answered !== undefined &&
    blamed.every((metric) => metric.kind === "labels") &&
    !isBlamedOnLeaving(rollout);
  const isGiven = isUntold && rollout.phase !== "shadow";
  const given = isGiven ? `; it had answered ${grouped(answered)} ${unitsOf(rollout)} by then` : "";
  const earlier = rollout.continues === null ? "" : `, ${goingOn(rollout, rollout.continues)}`;
  return `${describeEvidence(rollout)}${earlier}: ${after(rollout, now, badAnswers)}${given}`;
}

/** "going on from the evidence of ro-1", and where its rules were others which metrics it knew nothing of. */
function goingOn({ judgement }: Rollout, earlier: string): string {
  const anew = judgement?.beganAnew ?? [];
  const changed = anew.length === 0 ? "" : ` (by other rules: ${anew.join(", ")} began anew)`;
  return `going on from the evidence of ${earlier}${changed}`;
}

/** "; version 3 failed 95 of 960 requests after the switch (before it: 2 of 4,000)"; nothing where none came. */
export function failedSinceSwitch(version: number, { after, before }: SinceSwitch): string {
  if (after.units === 0) return "";
  const known = before === null ? "" : ` (before it: ${ratio(before)})`;
  return `; version ${version} failed ${ratio(after)} requests after the switch${known}`;
}

/** Said as what it is: nothing that the declared rates hold for. */
export function stoppedByGuard(
  rollout: Rollout,
  { what, before, now, limit, units }: GuardFinding,
  at: number,
  badAnswers: number,
): string {
  const seen =
    what === "errors"
      ? `${percent(now)} % of ${grouped(units)} requests failed, ${percent(before)} % before the rollout (limit ${percent(limit)} %)`
      : `the 95th percentile of ${grouped(units)} requests took ${milliseconds(now)}, ` +
        `${milliseconds(before)} before the rollout (limit ${milliseconds(limit)})`;
  return `the absolute guard, outside the declared rates: ${seen}, both versions together: version ${rollout.version} ${after(rollout, at, badAnswers)}`;
}

function after(rollout: Rollout, now: number, badAnswers: number): string {
  const took = measured(Math.max(0, now - (rollout.progressingAt ?? now)));
  if (rollout.phase === "shadow") return `taken out after ${took}; no caller was harmed`;
  // Who left got no answer, bad or not.
  if (badAnswers === 0 && isBlamedOnLeaving(rollout)) return `taken out after ${took}`;
  return `taken out after ${took}, ${counted(badAnswers, "bad answer")}`;
}

/** The numbers behind a verdict, one line per metric, for the commit's body; "" before the first outcome. */
export function evidenceLines(rollout: Rollout): string {
  const { policy } = rollout.request;
  const judgement: Judgement | null = rollout.judgement;
  if (!judgement || (!judgement.metrics.some(hasUnits) && judgement.guard === null)) return "";
  const lines = judgement.metrics.map((metric) => evidenceLine(metric, policy.metrics));
  if (judgement.left) lines.push(leftLine(judgement.left));
  if (rollout.continues !== null) {
    const told = goingOn(rollout, rollout.continues).replace("going", "Goes");
    lines.push(`${told}.`);
  }
  if (judgement.guard) {
    const { what, before, now, limit, units } = judgement.guard;
    const shown = what === "errors" ? (rate: number) => `${percent(rate)} %` : milliseconds;
    lines.push(
      `absolute guard, outside the declared rates: ${what} of both versions ${shown(now)} over ` +
        `${grouped(units)} units, ${shown(before)} before the rollout, limit ${shown(limit)}`,
    );
  }
  const rates =
    `A rollback needs mean evidence of harm ${short(1 / policy.falseRollbackRate)} ` +
    `(declared false rollback rate ${percent(policy.falseRollbackRate)} %), ` +
    `a promotion evidence of safety ${short(1 / policy.falsePromotionRate)} in every metric ` +
    `(declared false promotion rate ${percent(policy.falsePromotionRate)} %).`;
  return [...lines, "", rates].join("\n");
}

function evidenceLine(metric: MetricEvidence, policy: readonly RolloutMetric[]): string {
  const margin = policy.find(({ name }) => name === metric.metric)?.worseBy ?? 0;
  const { champion, challenger, slowAbove, aborted } = metric;
  const slow = slowAbove
    ? `slow above ${milliseconds(slowAbove.champion)} and ${milliseconds(slowAbove.challenger)}; `
    : "";
  const left =
    aborted && aborted.champion + aborted.challenger > 0
      ? `left by their callers ${grouped(aborted.champion)} and ${grouped(aborted.challenger)}; `
      : "";
  const blocked = metric.blockedBy ? `; can't be decided: ${metric.blockedBy}` : "";
  return (
    `${metric.metric}: ${metric.verdict}; margin ${metric.kind === "latency" ? `${percent(margin)}%` : `${percent(margin)}pp`}; ` +
    `${slow}champion ${grouped(champion.loss)}/${grouped(champion.units)}, ` +
    `challenger ${grouped(challenger.loss)}/${grouped(challenger.units)}; ${left}` +
    `evidence of harm ${short(metric.harm)}, of safety ${short(metric.safety)}${blocked}`
  );
}

function leftLine({ champion, challenger, harm }: NonNullable<Judgement["left"]>): string {
  return (
    `callers who left before the answer: champion ${grouped(champion.loss)}/${grouped(champion.units)}, ` +
    `challenger ${grouped(challenger.loss)}/${grouped(challenger.units)}; evidence of harm ${short(harm)}`
  );
}

/** ": why", or nothing where nobody said why. */
export function because(reason: string): string {
  return reason === "" ? "" : `: ${reason}`;
}

/** "churn's", "digits'". */
export function whose(name: string): string {
  return name.endsWith("s") ? `${name}'` : `${name}'s`;
}

/** As `duration`, but short times to the tenth of a second. */
function measured(ms: number): string {
  return ms < 120_000 ? `${(ms / 1000).toFixed(1)} s` : duration(ms);
}

/** "4.1 s", "10 min", "2.5 h", "3 d": as exact as a sentence needs. */
export function duration(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 120) return `${rounded(seconds)} s`;
  if (seconds < 5400) return `${rounded(seconds / 60)} min`;
  if (seconds < 172_800) return `${rounded(seconds / 3600)} h`;
  return `${rounded(seconds / 86_400)} d`;
}

function ratio(count: { units: number; loss: number }): string {
  return `${grouped(count.loss)} of ${grouped(count.units)}`;
}

function counted(count: number, what: string): string {
  if (count === 0) return `no ${what}`;
  return `${grouped(count)} ${what}${count === 1 ? "" : "s"}`;
}

function milliseconds(value: number): string {
  return `${value >= 10 ? grouped(Math.round(value)) : rounded(value)} ms`;
}

function rounded(value: number): string {
  return String(Math.round(value * 10) / 10);
}

function percent(fraction: number): string {
  return String(Math.round(fraction * 100_000) / 1000);
}

function short(value: number): string {
  return value >= 1e6 || value < 0.01 ? value.toExponential(1) : grouped(value);
}
