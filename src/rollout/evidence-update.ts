import type { OutcomeReport, ShadowCounter } from "../serving/outcomes.ts";
import type { Interval, Judgement } from "./judge.ts";
import { addCounts, type LatencyCounts } from "./latency-counts.ts";
import type { Rollout } from "./state.ts";

/** What one look adds to the evidence that is kept over time. */
export interface EvidenceUpdate {
  rolloutId: string;
  /** Milliseconds since the epoch. */
  at: number;
  /** Per cent to the challenger. */
  share: number;
  judgement: Judgement;
  /** Of what ended since the last look. */
  latency: { champion: LatencyCounts; challenger: LatencyCounts; edges: number[] | null };
  /** Answers that the challenger failed and nobody else gave, so far; by `<epoch> <incarnation>`. */
  badAnswers: Record<string, number>;
  /** So far; only of this rollout's epochs. */
  shadows: ShadowCounter[];
}

/**
 * Puts together what a look saves for people. `epochs` are the commits of this rollout; a counter's epoch is one of
 * them, with a mark behind it where an emergency stop was in force or a sticky caller came again: those answers were
 * given too.
 */
export function evidenceUpdate(
  rollout: Pick<Rollout, "id" | "service" | "version">,
  look: {
    at: number;
    share: number;
    judgement: Judgement;
    interval: Interval;
    report: OutcomeReport;
    epochs: ReadonlySet<string>;
    /** Of the epochs those under which only copies were sent: nobody got those answers. */
    copied?: ReadonlySet<string>;
  },
): EvidenceUpdate {
  const { at, share, judgement, interval, report, epochs, copied } = look;
  const isOwn = (of: { service: string; version: number; epoch: string }): boolean =>
    of.service === rollout.service &&
    of.version === rollout.version &&
    epochs.has(of.epoch.replace(/[!~]+$/, ""));
  const badAnswers: Record<string, number> = {};
  for (const counter of report.counters) {
    if (counter.arm !== "challenger" || !isOwn(counter)) continue;
    if (copied?.has(counter.epoch.replace(/[!~]+$/, ""))) continue;
    const key = `${counter.epoch} ${counter.incarnation}`;
    const bad = Math.max(0, counter.failed - (counter.fellBack ?? 0));
    badAnswers[key] = (badAnswers[key] ?? 0) + bad;
  }
  const latencyOf = (arm: "champion" | "challenger"): LatencyCounts => {
    if (interval.isBaseline === true) return [];
    return interval.requests.reduce<LatencyCounts>(
      (sum, cell) => addCounts(sum, cell[arm].latency ?? []),
      [],
    );
  };
  return {
    rolloutId: rollout.id,
    at,
    share,
    judgement,
    latency: {
      champion: latencyOf("champion"),
      challenger: latencyOf("challenger"),
      edges: interval.edges ?? null,
    },
    badAnswers,
    shadows: (report.shadows ?? []).filter(isOwn),
  };
}
