import type { Judgement } from "./judge.ts";
import type { Rollout } from "./state.ts";
import { describeCounts, grouped } from "./statistics/sentence.ts";

/** The counts of a judgement with the versions' numbers: of the metric to blame, or of all. */
export function describeEvidence(rollout: Rollout): string {
  const metrics = rollout.judgement?.metrics ?? [];
  const blamed = metrics.filter((metric) => metric.verdict === "worse");
  const told = (blamed.length > 0 ? blamed : metrics).map((metric) =>
    describeCounts(
      {
        name: metric.metric,
        kind: isLabels(rollout, metric.metric) ? "labels" : "errors",
        champion: metric.champion,
        challenger: metric.challenger,
      },
      `version ${rollout.version}`,
      rollout.champion === null ? "the champion" : `version ${rollout.champion}`,
    ),
  );
  return told.length === 0 ? "no outcome was seen" : told.join("; ");
}

/**
 * "version 3 failed 72 of 310 requests, version 2 2 of 2,890: taken out after 4.1 s". Labels tell of a part of the
 * answers only, so a rollback because of them also says how many answers were given by then.
 */
export function takenOut(rollout: Rollout, now: number): string {
  const seconds = ((now - (rollout.progressingAt ?? now)) / 1000).toFixed(1);
  const metrics = rollout.judgement?.metrics ?? [];
  const blamed = metrics.filter((metric) => metric.verdict === "worse");
  const answered = metrics.find((metric) => !isLabels(rollout, metric.metric))?.challenger.units;
  const isUntold = answered !== undefined && blamed.every((metric) => isLabels(rollout, metric.metric));
  const given = isUntold ? `; it had answered ${grouped(answered)} requests by then` : "";
  return `${describeEvidence(rollout)}: taken out after ${seconds} s${given}`;
}

/** The numbers behind a verdict, one line per metric, for the commit's body; "" before the first outcome. */
export function evidenceLines(rollout: Rollout): string {
  const { policy } = rollout.request;
  const judgement: Judgement | null = rollout.judgement;
  const isSeen = judgement?.metrics.some(({ champion, challenger }) => champion.units + challenger.units > 0);
  if (!judgement || !isSeen) return "";
  const lines = judgement.metrics.map((metric) => {
    const margin = policy.metrics.find(({ name }) => name === metric.metric)?.worseBy ?? 0;
    return (
      `${metric.metric}: ${metric.verdict}; margin ${percent(margin)}pp; ` +
      `champion ${grouped(metric.champion.loss)}/${grouped(metric.champion.units)}, ` +
      `challenger ${grouped(metric.challenger.loss)}/${grouped(metric.challenger.units)}; ` +
      `evidence of harm ${short(metric.harm)}, of safety ${short(metric.safety)}`
    );
  });
  const rates =
    `A rollback needs mean evidence of harm ${short(1 / policy.falseRollbackRate)} ` +
    `(declared false rollback rate ${percent(policy.falseRollbackRate)} %), ` +
    `a promotion evidence of safety ${short(1 / policy.falsePromotionRate)} in every metric ` +
    `(declared false promotion rate ${percent(policy.falsePromotionRate)} %).`;
  return [...lines, "", rates].join("\n");
}

function isLabels(rollout: Rollout, name: string): boolean {
  return rollout.request.policy.metrics.some((metric) => metric.name === name && "from" in metric);
}

function percent(fraction: number): string {
  return String(Math.round(fraction * 100_000) / 1000);
}

function short(value: number): string {
  return value >= 1e6 || value < 0.01 ? value.toExponential(1) : grouped(value);
}
