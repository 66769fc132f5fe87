import type { RolloutMetric } from "../spec/project.ts";
import type { KeptEvidence } from "./commands/evidence-points.ts";
import { pointOf } from "./commands/evidence-points.ts";
import { estimateOf } from "./estimate.ts";
import { actionsFor } from "./evidence-actions.ts";
import type { EvidencePoint, RolloutEvidence } from "./evidence.ts";
import type { Judgement, MetricEvidence } from "./judge.ts";
import { percentilesOf } from "./latency-counts.ts";
import { describeEvidence } from "./sentences.ts";
import { phaseEndOf, type Rollout, type Service } from "./state.ts";
import { grouped } from "./statistics/sentence.ts";

/** All that evidence is put together from. */
export interface EvidenceParts {
  rollout: Rollout;
  service: Service;
  /** Undefined before the first look. */
  kept: KeptEvidence | undefined;
  badAnswers: number;
  /** True while the environment repository's head doesn't follow from what was applied. */
  isDiverged: boolean;
  /** Sentences; only of one that runs. */
  change: string[];
  outlook: string[];
  notes: string[];
  now: number;
}

/** Puts together what is known of a rollout. Pure. */
export function buildEvidence(parts: EvidenceParts): RolloutEvidence {
  const { rollout, service, kept, now } = parts;
  const { policy } = rollout.request;
  const judgement = rollout.judgement ?? notJudgedYet(rollout);
  const edges = kept?.latency.edges ?? undefined;
  return {
    service: rollout.service,
    at: now,
    rollout: rolloutPart(rollout, service),
    compares: rollout.kind === "canary" || rollout.phase === "shadow" || isSeen(rollout),
    verdict: judgement.verdict,
    sentence: sentenceOf(rollout, parts.badAnswers),
    badAnswers: parts.badAnswers,
    harm: finite(judgement.harm),
    harmThreshold: judgement.harmThreshold,
    safetyThreshold: judgement.safetyThreshold,
    falseRollbackRate: policy.falseRollbackRate,
    falsePromotionRate: policy.falsePromotionRate,
    guard: judgement.guard ?? null,
    metrics: judgement.metrics.map((metric) => withEstimates(metric, policy.metrics)),
    ...(judgement.left ? { left: { ...judgement.left, harm: finite(judgement.left.harm) } } : {}),
    latency: {
      champion: kept ? percentilesOf(kept.latency.champion, edges) : null,
      challenger: kept ? percentilesOf(kept.latency.challenger, edges) : null,
    },
    history: historyOf(rollout, kept),
    change: parts.change,
    outlook: parts.outlook,
    notes: parts.notes,
    shadow: kept?.shadow ?? null,
    actions: actionsFor(rollout, service, parts.isDiverged),
  };
}

function rolloutPart(rollout: Rollout, service: Service): RolloutEvidence["rollout"] {
  const { request } = rollout;
  return {
    id: rollout.id,
    kind: rollout.kind,
    version: rollout.version,
    champion: rollout.champion,
    state: rollout.state,
    reason: rollout.reason ?? (rollout.endedAt === null ? service.problem : null),
    sentence: rollout.sentence,
    requestedBy: request.requestedBy,
    isShadow: rollout.phase === "shadow" && rollout.endedAt === null,
    step: rollout.step,
    steps: request.policy.steps,
    share: shareOf(rollout, service),
    createdAt: rollout.createdAt,
    progressingAt: rollout.progressingAt,
    deadlineAt: rollout.deadlineAt,
    phaseEndsAt: rollout.state === "progressing" ? phaseEndOf(rollout) : null,
    endedAt: rollout.endedAt,
    continues: rollout.continues,
  };
}

/** Per cent of new units that go to the version: what Git says, less an emergency stop. */
export function shareOf(
  rollout: Pick<Rollout, "version">,
  service: Pick<Service, "champion" | "challenger" | "weight" | "stop">,
): number {
  const { version } = rollout;
  if (service.champion === version) return service.challenger === null ? 100 : 100 - service.weight;
  return service.challenger === version && service.stop?.version !== version ? service.weight : 0;
}

/** True once any unit was compared. */
function isSeen({ judgement }: Rollout): boolean {
  return (
    judgement?.metrics.some(({ champion, challenger }) => champion.units + challenger.units > 0) ?? false
  );
}

function sentenceOf(rollout: Rollout, badAnswers: number): string {
  const told =
    rollout.endedAt !== null || rollout.state === "held" || !isSeen(rollout)
      ? (rollout.sentence ?? describeEvidence(rollout))
      : describeEvidence(rollout);
  if (badAnswers === 0 || told.includes("bad answer")) return told;
  // What failed after a switch are these answers, told already; labels may know of more.
  if (told.includes(` failed ${grouped(badAnswers)} of `) && told.includes("after the switch")) return told;
  return `${told}, ${grouped(badAnswers)} bad ${badAnswers === 1 ? "answer" : "answers"}`;
}

/** What holds before the first look: no evidence of anything. */
function notJudgedYet({ request: { policy } }: Rollout): Judgement {
  const none = { units: 0, loss: 0 };
  return {
    verdict: "undecided",
    blamed: null,
    advance: false,
    harm: 1,
    harmThreshold: 1 / policy.falseRollbackRate,
    safetyThreshold: 1 / policy.falsePromotionRate,
    metrics: policy.metrics.map((metric) => ({
      metric: metric.name,
      kind: kindOf(metric),
      verdict: "undecided",
      champion: none,
      challenger: none,
      harm: 1,
      safety: 1,
      advance: 1,
    })),
    guard: null,
    sentence: "no outcome was seen",
  };
}

function withEstimates(
  metric: MetricEvidence,
  policy: readonly RolloutMetric[],
): RolloutEvidence["metrics"][number] {
  const declared = policy.find(({ name }) => name === metric.metric);
  return {
    ...metric,
    harm: finite(metric.harm),
    safety: finite(metric.safety),
    advance: finite(metric.advance),
    margin: declared ? marginText(declared) : "",
    championRate: estimateOf(metric.champion),
    challengerRate: estimateOf(metric.challenger),
  };
}

/** "0.5pp" of a rate; of a latency "20%, ≥5 ms": it may be slower by the larger of the two. */
export function marginText(metric: RolloutMetric): string {
  const hundredths = Number((metric.worseBy * 100).toPrecision(12));
  if (!("quantile" in metric)) return `${hundredths}pp`;
  return `${hundredths}%${metric.floor > 0 ? `, ≥${metric.floor} ms` : ""}`;
}

function kindOf(metric: RolloutMetric): MetricEvidence["kind"] {
  if ("from" in metric) return "labels";
  return "quantile" in metric ? "latency" : "errors";
}

/** Points may be far apart; the last look is always shown. */
function historyOf(rollout: Rollout, kept: KeptEvidence | undefined): EvidencePoint[] {
  if (!kept) return [];
  const last = kept.points.at(-1);
  if (!rollout.judgement || last?.at === kept.at) return kept.points;
  const newest = pointOf({ at: kept.at, share: kept.share, judgement: rollout.judgement }, kept.recentP95);
  return [...kept.points.slice(1 - MOST_POINTS), newest];
}

const MOST_POINTS = 400;
/** JSON has no infinity, and reads it back as null. */
const MOST_WEALTH = 1e300;

function finite(wealth: number | null): number {
  return wealth !== null && wealth < MOST_WEALTH ? wealth : MOST_WEALTH;
}
