import type { EvidencePoint, RolloutEvidence } from "./evidence.ts";
import type { ArmCount } from "./judge.ts";
import { type Rollout, isOnTrial } from "./state.ts";
import { remaining, type Traffic } from "./statistics/forecast.ts";
import { aboutTime } from "./statistics/forecast-words.ts";

/** What traffic is estimated from: the newest points of at most this long ago, in milliseconds. */
const RECENT_MS = 60_000;

/** How long until a decision at this traffic, one sentence each; empty when nothing is to be decided by evidence. */
export function outlookOf(rollout: Rollout, traffic: Traffic | undefined, now: number): string[] {
  const { judgement, deadlineAt, version } = rollout;
  const { policy } = rollout.request;
  const compares = rollout.phase === "shadow" || rollout.kind === "canary";
  if (!isOnTrial(rollout) || !judgement || !compares || judgement.verdict === "worse") return [];
  if (!traffic) return ["how many requests come isn't known yet"];
  if (traffic.requestsPerSecond === 0) return ["no requests come now: nothing is decided without them"];
  const left = remaining(policy, traffic, { step: rollout.step, metrics: judgement.metrics });
  const rate = `at ${short(traffic.requestsPerSecond)} requests/s`;
  const told: string[] = [];
  if (left.metrics.length < policy.metrics.length) {
    const known = new Set(left.metrics.map(({ metric }) => metric));
    const unknown = policy.metrics.map(({ name }) => name).filter((name) => !known.has(name));
    told.push(`how much comes for ${unknown.join(", ")} isn't known yet`);
  } else if (left.promotes === 0) told.push(`${rate} version ${version} is within its margins`);
  else told.push(promotionWords(rollout, left.promotes, rate, now));
  if (Number.isFinite(left.takesOut) && left.takesOut > 0)
    told.push(
      `${rate} a version that is worse by three margins is taken out within about ${aboutTime(left.takesOut)}`,
    );
  if (rollout.state === "held") told.push("it is held: shares stay as they are until it is resumed");
  else if (deadlineAt !== null && now + left.promotes > deadlineAt && left.promotes > 0)
    told.push(
      `the deadline is in ${aboutTime(Math.max(0, deadlineAt - now))}: ${AT_DEADLINE[policy.onNotEnoughData]}`,
    );
  return told;
}

const AT_DEADLINE = {
  hold: "it would be held for not enough data",
  rollback: "it would be rolled back",
  promote: "it would be promoted without evidence",
} as const;

function promotionWords(rollout: Rollout, promotes: number, rate: string, now: number): string {
  if (!Number.isFinite(promotes)) return `${rate} its margins can't be proven by any amount of traffic`;
  const past =
    rollout.deadlineAt !== null && now + promotes > rollout.deadlineAt ? ", after its deadline" : "";
  return `${rate} an equal version is promoted in about ${aboutTime(promotes)}${past}`;
}

/**
 * Traffic as the last minute of a rollout's own history shows it (or its last two points, where they are further
 * apart). Undefined with fewer than two points.
 */
export function trafficOf(
  rollout: Rollout,
  known: Pick<RolloutEvidence, "history" | "latency">,
  now: number,
): Traffic | undefined {
  const last = known.history.at(-1);
  if (!last) return undefined;
  const isRecent = ({ at }: EvidencePoint): boolean => at >= last.at - RECENT_MS && at < last.at;
  const first = known.history.find(isRecent) ?? known.history.at(-2);
  if (!first || last.at <= first.at) return undefined;
  const seconds = (now - last.at > RECENT_MS ? now - first.at : last.at - first.at) / 1000;
  const { metrics } = rollout.request.policy;
  const nameOf = (isLabels: boolean): string =>
    metrics.find((metric) => "from" in metric === isLabels)?.name ?? "";
  const both = ["champion", "challenger"] as const;
  const requests = grown(first, last, nameOf(false), both);
  const labels = grown(first, last, nameOf(true), both);
  const errors = grown(first, last, "errors", ["champion"]);
  const { champion: latency } = known.latency;
  return {
    requestsPerSecond: now - last.at > RECENT_MS ? 0 : requests.units / seconds,
    errorRate: rateOf(errors),
    ...(latency ? { latency } : {}),
    ...(labels.units > 0 ? { labels: { perSecond: labels.units / seconds, loss: rateOf(labels) } } : {}),
  };
}

function grown(
  first: EvidencePoint,
  last: EvidencePoint,
  metric: string,
  arms: readonly ("champion" | "challenger")[],
): ArmCount {
  const sum = (point: EvidencePoint, field: keyof ArmCount): number =>
    arms.reduce((total, arm) => total + (point.metrics[metric]?.[arm][field] ?? 0), 0);
  return {
    units: Math.max(0, sum(last, "units") - sum(first, "units")),
    loss: Math.max(0, sum(last, "loss") - sum(first, "loss")),
  };
}

function rateOf({ units, loss }: ArmCount): number {
  return units === 0 ? 0 : loss / units;
}

function short(rate: number): string {
  return rate >= 10 ? String(Math.round(rate)) : String(Number(rate.toPrecision(2)));
}
