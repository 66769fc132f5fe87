import type { RolloutPolicy } from "../spec/project.ts";
import type { EvidencePoint, RolloutEvidence } from "./evidence.ts";
import type { ArmCount } from "./judge.ts";
import { type Rollout, isCopiesOnly, isOnTrial } from "./state.ts";
import { remaining, type Traffic } from "./statistics/forecast.ts";
import { aboutTime } from "./statistics/forecast-words.ts";

/** What traffic is estimated from: the newest points of at most this long ago, in milliseconds. */
const RECENT_MS = 60_000;

/**
 * What comes next, one sentence each: how long until a decision at this traffic, and what comes however much there is.
 * Empty before the trial, after it, and when it is about to be taken out.
 */
export function outlookOf(rollout: Rollout, traffic: Traffic | undefined, now: number): string[] {
  const { judgement, version } = rollout;
  if (!isOnTrial(rollout) || !judgement || judgement.verdict === "worse") return [];
  const isHeld = rollout.state === "held";
  const told = isHeld ? [HELD[rollout.reason ?? ""] ?? HELD["by-hand"]] : atItsEnd(rollout);
  const compares = rollout.phase === "shadow" || rollout.kind === "canary";
  if (!compares) return told;
  if (!traffic) return [...told, "how many requests come isn't known yet"];
  if (traffic.requestsPerSecond === 0)
    return [...told, "no requests come now: nothing is decided without them"];
  const left = remaining(comparedBy(rollout), traffic, { step: rollout.step, metrics: judgement.metrics });
  const rate = `at ${short(traffic.requestsPerSecond)} requests/s`;
  const isShadow = rollout.phase === "shadow";
  const isWithin = left.promotes === 0 || (judgement.verdict === "within-margin" && (isHeld || isShadow));
  const known = new Set(left.metrics.map(({ metric }) => metric));
  const unknown = rollout.request.policy.metrics.map(({ name }) => name).filter((name) => !known.has(name));
  if (unknown.length > 0) told.push(`how much comes for ${unknown.join(", ")} isn't known yet`);
  else if (isWithin) told.push(`${rate} version ${version} is within its margins`);
  else if (!hasOnlyTime(rollout)) told.push(withinWords(rollout, left.promotes, rate, now));
  if (Number.isFinite(left.takesOut) && left.takesOut > 0)
    told.push(
      `${rate} a version that is worse by three margins is taken out within about ${aboutTime(left.takesOut)}`,
    );
  if (!isHeld && !isWithin && !hasOnlyTime(rollout)) told.push(...deadlineWords(rollout, left.promotes, now));
  return told;
}

/** What comes by itself at the end of the phase; when that is, is told beside it. */
function atItsEnd(rollout: Rollout): string[] {
  const { phase, version, champion, approvedBy, kind } = rollout;
  const { policy } = rollout.request;
  if (phase === "switched") {
    const who = policy.guard === null ? "a person" : "the guard or a person";
    return [
      `version ${version} is promoted when its watch ends, unless ${who} goes back to version ${champion} before`,
    ];
  }
  if (!hasOnlyTime(rollout)) return [];
  if (kind === "canary")
    return [`when the copies end, version ${version} gets ${policy.steps[0] ?? 100} % of the requests`];
  return policy.approval !== "none" && approvedBy === null
    ? [`when the copies end, it waits for the yes of ${policy.approval}`]
    : [`when the copies end, version ${version} gets all requests`];
}

/** True while copies are sent for a time that is set: no evidence shortens it. */
function hasOnlyTime(rollout: Rollout): boolean {
  return rollout.phase === "shadow" && !isCopiesOnly(rollout);
}

/** The policy as what is compared now: of a copied request a fair coin says whose outcome counts, as at a step of 50. */
function comparedBy({ phase, request: { policy } }: Rollout): RolloutPolicy {
  return phase === "shadow" ? { ...policy, kind: "canary", steps: [50] } : policy;
}

const HELD: Record<string, string> & { "by-hand": string } = {
  "by-hand": "it is held: shares stay as they are until it is resumed",
  "needs-approval": "it is held: shares stay as they are until it is approved",
};

function deadlineWords(rollout: Rollout, promotes: number, now: number): string[] {
  const { deadlineAt } = rollout;
  if (deadlineAt === null || now + promotes <= deadlineAt) return [];
  const then = isCopiesOnly(rollout)
    ? `it would be held and wait for \`slipway approve ${rollout.service}\``
    : atDeadline(rollout);
  return [`the deadline is in ${aboutTime(Math.max(0, deadlineAt - now))}: ${then}`];
}

function atDeadline({ request: { policy }, approvedBy }: Rollout): string {
  if (policy.onNotEnoughData === "hold") return "it would be held for not enough data";
  if (policy.onNotEnoughData === "rollback") return "it would be rolled back";
  return policy.approval === "none" || approvedBy !== null
    ? "it would be promoted without evidence"
    : `it would wait for the yes of ${policy.approval} without evidence`;
}

function withinWords(rollout: Rollout, promotes: number, rate: string, now: number): string {
  if (!Number.isFinite(promotes)) return `${rate} its margins can't be proven by any amount of traffic`;
  const past =
    rollout.deadlineAt !== null && now + promotes > rollout.deadlineAt ? ", after its deadline" : "";
  const when = `in about ${aboutTime(promotes)}${past}`;
  const { approval } = rollout.request.policy;
  if (isCopiesOnly(rollout))
    return `${rate} an equal version is within its margins ${when}; then it waits for \`slipway approve ${rollout.service}\``;
  if (approval !== "none" && rollout.approvedBy === null)
    return `${rate} an equal version is within its margins ${when}; then it waits for the yes of ${approval}`;
  return `${rate} an equal version is promoted ${when}`;
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
