import type { RolloutMetric, RolloutPolicy } from "../../spec/project.ts";
import type { EProcessState } from "./e-process-state.ts";
import { atMostOne } from "./from-copies.ts";
import { type MetricState, startMetric } from "./metric-state.ts";

/** What an earlier trial of the same version knew. */
export interface EarlierTrial<State> {
  state: State;
  /** That it was judged by. */
  metrics: readonly RolloutMetric[];
  /**
   * True when something else than these tests said that the version isn't fit (the absolute guard, a person, a revert):
   * what they knew for its safety then promotes it no more by itself.
   */
  isSafetySpent: boolean;
}

/**
 * By which metric of an earlier policy each of the wanted ones was tested already, by name. The same is what asks the same
 * question: kind, margin, quantile, floor, and how long labels wait. The name is nothing that wealth depends on, nor are
 * the declared rates; each earlier metric goes on as one, as the one of its own name where there is one.
 */
export function counterparts(
  wanted: readonly RolloutMetric[],
  earlier: readonly RolloutMetric[],
): Map<string, string> {
  const found = new Map<string, string>();
  const taken = new Set<string>();
  for (const isNamed of [true, false])
    for (const metric of wanted) {
      if (found.has(metric.name)) continue;
      const question = questionOf(metric);
      const same = earlier.find(
        ({ name, ...rest }) =>
          !taken.has(name) &&
          (!isNamed || name === metric.name) &&
          questionOf({ name, ...rest } as RolloutMetric) === question,
      );
      if (!same) continue;
      found.set(metric.name, same.name);
      taken.add(same.name);
    }
  return found;
}

function questionOf(metric: RolloutMetric): string {
  const { kind, margin, quantile, floor } = startMetric(metric);
  return JSON.stringify([kind, margin, quantile, floor, "from" in metric ? (metric.within ?? 0) : 0]);
}

/**
 * Goes on from earlier trials, newest first: each metric from the newest one that has it, all else from the newest.
 * Every wealth that goes on is one that a single test had, so each set of rules keeps its declared rates. Of a trial whose
 * safety is spent, and of those before it, safety goes on with at most 1: wealth thrown away, which is
 * valid whatever the reason. Harm goes on as it was. What no trial has is as at a start, and is told by `beganAnew`.
 */
export function goOn(
  trials: readonly EarlierTrial<EProcessState>[],
  { metrics }: Pick<RolloutPolicy, "metrics">,
): EProcessState | null {
  const [newest] = trials;
  if (!newest) return null;
  const known = new Map<string, MetricState>();
  let isSpent = false;
  for (const trial of trials) {
    isSpent ||= trial.isSafetySpent;
    const left = metrics.filter(({ name }) => !known.has(name));
    for (const [name, earlier] of counterparts(left, trial.metrics)) {
      const state = trial.state.metrics[earlier];
      if (state) known.set(name, isSpent ? withoutSafety(state) : state);
    }
  }
  const { beganAnew: _, ...state } = newest.state;
  const anew = metrics.map(({ name }) => name).filter((name) => !known.has(name));
  return {
    ...state,
    metrics: Object.fromEntries(
      metrics.map((metric) => [metric.name, known.get(metric.name) ?? startMetric(metric)]),
    ),
    ...(anew.length > 0 ? { beganAnew: anew } : {}),
  };
}

function withoutSafety(state: MetricState): MetricState {
  return { ...state, tests: state.tests.map((wealth, test) => (test === 0 ? wealth : atMostOne(wealth))) };
}
