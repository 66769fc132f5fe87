import type { EProcessState } from "./e-process-state.ts";
import type { Wealth } from "./wealth.ts";

/**
 * From copies to real requests. What copies have shown of errors and labels is kept: a copy asks the challenger what the
 * caller asked. Latency is another matter, since every copy ran beside the champion's answer to the same request, and
 * what it showed under that load says little of the load to come. Its wealths that are above 1 start from 1 again; those
 * below stay where they are. Wealth thrown away keeps a non-negative supermartingale one, so both declared rates
 * hold over the whole rollout, which starting every wealth from 1 wouldn't give.
 */
export function fromCopies(state: EProcessState): EProcessState {
  const metrics = Object.entries(state.metrics).map(([name, metric]) => {
    if (metric.kind !== "latency") return [name, metric] as const;
    return [name, { ...metric, tests: metric.tests.map(atMostOne) }] as const;
  });
  return { ...state, metrics: Object.fromEntries(metrics) };
}

/** Thrown away down to 1; what is held back on top of this only lowers it. */
export function atMostOne(wealth: Wealth): Wealth {
  const { cash, bets, fresh } = wealth;
  const total = [...bets, ...(fresh ?? [])].reduce((sum, part) => sum + part, cash);
  if (total <= 1) return wealth;
  const scaled = (parts: readonly number[]): number[] => parts.map((part) => part / total);
  return { ...wealth, cash: cash / total, bets: scaled(bets), fresh: fresh && scaled(fresh) };
}
