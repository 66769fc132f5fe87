import type { RolloutMetric } from "../../spec/project.ts";
import type { ArmCount, MetricEvidence } from "../judge.ts";
import { type ArrivalGuard, startArrival } from "./arrival-guard.ts";
import type { Bets } from "./bets.ts";
import { type ChampionLatency, ownLatency, unknownLatency } from "./champion-latency.ts";
import { type ChampionRate, currentRate, onGrid, unknownRate } from "./champion-rate.ts";
import { type Crossing, ownCrossing } from "./crossing.ts";
import { type Hypothesis, stakes, startingCash } from "./hypothesis.ts";
import { ownWealth, startWealth, type Wealth } from "./wealth.ts";

/** One metric's tests: the first against "within its margin", then against "worse by K margins", K as in MARGINS. */
export interface MetricState {
  kind: MetricEvidence["kind"];
  /** As a fraction; of latency relative. */
  margin: number;
  /** Of latency. */
  quantile: number;
  /** Of latency: milliseconds. */
  floor: number;
  rate: ChampionRate;
  latency: ChampionLatency;
  /** Names the buckets that `latency` and the thresholds are told in. */
  edges: string;
  /** In force now; null while too little is known of the champion. */
  bets: Bets | null;
  tests: Wealth[];
  /** While units are under way that were assigned under `before`. */
  crossing: { age: number; before: Bets | null; tests: Crossing[] } | null;
  champion: ArmCount;
  challenger: ArmCount;
  aborted: { champion: number; challenger: number };
  /** Units of the challenger up to which the cash was put on the bets. */
  leakedAt: number;
  /** Of labels. */
  arrival: ArrivalGuard | null;
}

/** Harm of this many margins must be rejected: for promotion, for the last step, for every step before it. */
export const MARGINS = [1, 3, 10];
/** A multiple of the margin beyond this is tested as this: a stricter null, and one that can be rejected. */
const WIDEST_MARGIN = 0.5;
/** What a stored policy of an earlier version means. */
const FLOOR = 5;

export function startMetric(metric: RolloutMetric): MetricState {
  const isLatency = "quantile" in metric;
  const kind = isLatency ? "latency" : "from" in metric ? "labels" : "errors";
  return {
    kind,
    margin: metric.worseBy,
    quantile: isLatency ? metric.quantile : 0,
    floor: isLatency ? (metric.floor ?? FLOOR) : 0,
    rate: { ...unknownRate },
    latency: unknownLatency(),
    edges: "",
    bets: isLatency ? null : { q0: onGrid(currentRate(unknownRate)) },
    tests: hypothesesOf(kind, metric.worseBy).map((hypothesis) =>
      startWealth(stakes(hypothesis), startingCash(hypothesis)),
    ),
    crossing: null,
    champion: { units: 0, loss: 0 },
    challenger: { units: 0, loss: 0 },
    aborted: { champion: 0, challenger: 0 },
    leakedAt: 0,
    arrival: kind === "labels" ? startArrival : null,
  };
}

/**
 * A copy to work on: what changes from unit to unit is its own, what is only ever replaced is shared. The bets stay the
 * same object, by which their factors are found.
 */
export function ownMetric(state: MetricState): MetricState {
  const { kind, margin, quantile, floor, rate, latency, edges, bets, tests, crossing } = state;
  const { champion, challenger, aborted, leakedAt, arrival } = state;
  // Spelled out in the order of startMetric: a spread takes as long as all the arithmetic of a look.
  return {
    kind,
    margin,
    quantile,
    floor,
    rate: { units: rate.units, loss: rate.loss },
    latency: ownLatency(latency),
    edges,
    bets,
    tests: tests.map(ownWealth),
    crossing: crossing && {
      age: crossing.age,
      before: crossing.before,
      tests: crossing.tests.map(ownCrossing),
    },
    champion: { units: champion.units, loss: champion.loss },
    challenger: { units: challenger.units, loss: challenger.loss },
    aborted: { champion: aborted.champion, challenger: aborted.challenger },
    leakedAt,
    arrival,
  };
}

const known: Record<MetricState["kind"], Map<number, readonly Hypothesis[]>> = {
  errors: new Map(),
  latency: new Map(),
  labels: new Map(),
};

/**
 * The nulls of a metric. Errors and labels: p1 <= p0 + margin, and p1 >= p0 + K margin. Latency: with what is slow told by
 * thresholds that hold the margin (see slowThresholds), p1 <= p0 and p1 >= p0.
 */
export function hypothesesOf(kind: MetricState["kind"], margin: number): readonly Hypothesis[] {
  const ofKind = known[kind];
  let list = ofKind.get(margin);
  if (!list) {
    const absolute = kind === "latency" ? 0 : margin;
    const widened = (times: number): number =>
      times === 1 ? absolute : Math.min(absolute * times, Math.max(absolute, WIDEST_MARGIN));
    list = [
      { ratio: 1, margin: absolute, side: "within" },
      ...MARGINS.map((times): Hypothesis => ({ ratio: 1, margin: widened(times), side: "beyond" })),
    ];
    if (ofKind.size > 100) ofKind.clear();
    ofKind.set(margin, list);
  }
  return list;
}
