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
  /** So far; only of this rollout's epochs. */
  shadows: ShadowCounter[];
}

/** Puts together what a look saves for people. `epochs` are the commits of this rollout. */
export function evidenceUpdate(
  rollout: Pick<Rollout, "id" | "service" | "version">,
  look: {
    at: number;
    share: number;
    judgement: Judgement;
    interval: Interval;
    report: OutcomeReport;
    epochs: ReadonlySet<string>;
  },
): EvidenceUpdate {
  const { at, share, judgement, interval, report, epochs } = look;
  const isOwn = (of: ShadowCounter): boolean =>
    of.service === rollout.service && of.version === rollout.version && epochs.has(of.epoch);
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
    shadows: (report.shadows ?? []).filter(isOwn),
  };
}
