import type { RolloutMetric, RolloutPolicy } from "../../spec/project.ts";
import type { ArmCount, ArmInterval, Cell, Interval, Judge, Judgement, MetricEvidence } from "../judge.ts";
import { type ChampionRate, currentRate, unknownRate, updateRate } from "./champion-rate.ts";
import { alternatives, assumedRate, type Hypothesis, stakes } from "./hypothesis.ts";
import { armLogFactor, unitFactors } from "./projection.ts";
import { describeCounts } from "./sentence.ts";
import { eValue, play, startWealth, type Wealth } from "./wealth.ts";

/** One metric's tests. */
interface MetricState {
  kind: MetricEvidence["kind"];
  ratio: number;
  margin: number;
  rate: ChampionRate;
  champion: ArmCount;
  challenger: ArmCount;
  /** Against "within its margin". */
  harm: Wealth;
  /** Against "worse by K margins or more", same order as MARGINS. */
  beyond: Wealth[];
}

/** All that the test remembers: JSON, stored after every look. */
export interface EProcessState {
  at: number;
  metrics: Record<string, MetricState>;
}

/** Harm of this many margins must be rejected: for promotion, for the last step, for every step before it. */
const MARGINS = [1, 3, 10];
/** A multiple of the margin beyond this is tested as this: a stricter null, and one that can be rejected. */
const WIDEST_MARGIN = 0.5;

/**
 * The two-arm e-process from counts per interval.
 *
 * Assumes: a unit's arm was drawn at its cell's share, independent of all before; a unit is a request (or the first
 * request of a sticky key); its loss lies in [0, 1]. Doesn't assume constant rates. The bets (champion's rate,
 * alternatives) are fixed before the interval's units are seen. Units that are still under way count at each look
 * as those that speak least against the null; they are played with the bets of the interval in which they end,
 * which differ from those at their assignment by what the champion's decayed rate moved meanwhile.
 */
export function createEProcessJudge(): Judge<EProcessState> {
  return { start, observe, judge };
}

function start(policy: RolloutPolicy, at: number): EProcessState {
  const metrics: Record<string, MetricState> = {};
  for (const metric of policy.metrics) metrics[metric.name] = startMetric(metric);
  return { at, metrics };
}

function startMetric(metric: RolloutMetric): MetricState {
  const empty = { ratio: 1, margin: "quantile" in metric ? 0 : metric.worseBy };
  return {
    ...empty,
    kind: "from" in metric ? "labels" : "quantile" in metric ? "latency" : "errors",
    rate: unknownRate,
    champion: { units: 0, loss: 0 },
    challenger: { units: 0, loss: 0 },
    harm: startWealth(stakes({ ...empty, side: "within" })),
    beyond: MARGINS.map(() => startWealth(stakes({ ...empty, side: "beyond" }))),
  };
}

function observe(state: EProcessState, interval: Interval): EProcessState {
  // A clock that jumped back must not take wealth back; the time in between is lost, nothing else.
  const seconds = Math.max(0, interval.at - state.at) / 1000;
  const metrics: Record<string, MetricState> = {};
  for (const [name, metric] of Object.entries(state.metrics)) {
    metrics[name] = observeMetric(
      metric,
      seconds,
      cellsOf(metric.kind, name, interval),
      interval.isBaseline ?? false,
    );
  }
  return { at: Math.max(state.at, interval.at), metrics };
}

function cellsOf(kind: MetricState["kind"], name: string, interval: Interval): readonly Cell[] {
  if (kind === "latency") return [];
  return kind === "errors" ? interval.requests : (interval.labels[name] ?? []);
}

function observeMetric(
  metric: MetricState,
  seconds: number,
  cells: readonly Cell[],
  isBaseline: boolean,
): MetricState {
  const q0 = currentRate(metric.rate);
  const randomised = isBaseline ? [] : cells.filter((cell) => cell.share > 0 && cell.share < 1);
  return {
    ...metric,
    rate: updateRate(
      metric.rate,
      seconds,
      cells.map((cell) => countOf(cell.champion)),
    ),
    champion: total(metric.champion, randomised, "champion"),
    challenger: total(metric.challenger, randomised, "challenger"),
    harm: playCells(metric.harm, harmNull(metric), q0, seconds, randomised),
    beyond: metric.beyond.map((wealth, i) =>
      playCells(wealth, beyondNull(metric, MARGINS[i] ?? 1), q0, seconds, randomised),
    ),
  };
}

function harmNull({ ratio, margin }: MetricState): Hypothesis {
  return { ratio, margin, side: "within" };
}

/** "Worse by `times` margins or more"; a relative margin grows likewise. */
function beyondNull({ ratio, margin }: MetricState, times: number): Hypothesis {
  const wide = times === 1 ? margin : Math.min(margin * times, Math.max(margin, WIDEST_MARGIN));
  return { ratio: 1 + (ratio - 1) * times, margin: wide, side: "beyond" };
}

function playCells(
  wealth: Wealth,
  hypothesis: Hypothesis,
  rate: number,
  seconds: number,
  cells: readonly Cell[],
): Wealth {
  const q0 = cells.length === 0 ? undefined : assumedRate(hypothesis, rate);
  const bets = q0 === undefined ? [] : alternatives(hypothesis, q0);
  const logFactors: number[] = [];
  const pending: number[] = [];
  for (const q1 of bets) {
    let ended = 0;
    let underWay = 0;
    for (const cell of cells) {
      if (q0 === undefined || q1 === undefined) break;
      const { champion, challenger } = unitFactors(hypothesis, cell.share, q0, q1);
      ended +=
        armLogFactor(champion, countOf(cell.champion)) + armLogFactor(challenger, countOf(cell.challenger));
      underWay +=
        cell.champion.pending * Math.min(champion.good, champion.bad) +
        cell.challenger.pending * Math.min(challenger.good, challenger.bad);
    }
    logFactors.push(ended);
    pending.push(underWay);
  }
  return play(wealth, stakes(hypothesis), seconds, logFactors, pending);
}

function total(before: ArmCount, cells: readonly Cell[], arm: "champion" | "challenger"): ArmCount {
  return cells.reduce<ArmCount>(
    (sum, cell) => ({ units: sum.units + cell[arm].ended, loss: sum.loss + cell[arm].loss }),
    before,
  );
}

function countOf(arm: ArmInterval): ArmCount {
  return { units: arm.ended, loss: arm.loss };
}

/**
 * Rollback: the mean of the metrics' e-values reaches 1 / falseRollbackRate; by Ville's inequality that happens with
 * at most that probability while every metric is within its margin, over all looks, steps and metrics, however
 * they depend on each other. Promotion: every metric on its own rejects "worse by the margin or more" at
 * falsePromotionRate (an intersection-union test). Next step: every metric rejects harm of K margins at that rate.
 */
function judge(state: EProcessState, policy: RolloutPolicy, step: number): Judgement {
  const names = Object.keys(state.metrics);
  const fraction = 1 / Math.max(1, names.length);
  const enough = 1 / policy.falsePromotionRate;
  const stepsLeft = Math.min(MARGINS.length - 1, Math.max(0, policy.steps.length - 1 - step));
  let combined = 0;
  let blamed: { name: string; harm: number } | undefined;
  let advance = names.length > 0;
  for (const [name, metric] of Object.entries(state.metrics)) {
    const harm = eValue(metric.harm);
    combined += fraction * harm;
    if (blamed === undefined || harm > blamed.harm) blamed = { name, harm };
    const wealth = metric.beyond[stepsLeft];
    if (wealth === undefined || eValue(wealth) < enough) advance = false;
  }
  const worse = combined >= 1 / policy.falseRollbackRate;
  const metrics = Object.entries(state.metrics).map(([name, metric]): MetricEvidence => {
    const safety = metric.beyond[0] === undefined ? 0 : eValue(metric.beyond[0]);
    const within = safety >= enough ? "within-margin" : "undecided";
    return {
      metric: name,
      kind: metric.kind,
      verdict: worse && blamed?.name === name ? "worse" : within,
      champion: metric.champion,
      challenger: metric.challenger,
      harm: eValue(metric.harm),
      safety,
      advance: metric.beyond[stepsLeft] === undefined ? 0 : eValue(metric.beyond[stepsLeft]),
    };
  });
  const within = metrics.length > 0 && metrics.every((metric) => metric.verdict === "within-margin");
  const verdict = worse ? "worse" : within ? "within-margin" : "undecided";
  const told = (worse && blamed ? [blamed.name] : names).map((name) => ({
    name,
    ...state.metrics[name]!,
  }));
  return {
    verdict,
    blamed: worse ? (blamed?.name ?? null) : null,
    advance: advance && !worse,
    harm: combined,
    harmThreshold: 1 / policy.falseRollbackRate,
    safetyThreshold: enough,
    metrics,
    guard: null,
    sentence: told.map((metric) => describeCounts(metric, "the challenger", "the champion")).join("; "),
  };
}
