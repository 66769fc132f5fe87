import type { ArmInterval, Cell, Interval } from "../../../src/rollout/judge.ts";
import { hypothesesOf, type MetricState } from "../../../src/rollout/statistics/metric-state.ts";
import { alternatives, assumedRate, stakes } from "../../../src/rollout/statistics/hypothesis.ts";
import { unitFactors, type UnitFactors } from "../../../src/rollout/statistics/projection.ts";
import { latencyBucket } from "../../../src/serving/outcomes.ts";

/** One request as a log of single requests would have it. Times in milliseconds. */
export interface Unit {
  assignedAt: number;
  share: number;
  arm: "champion" | "challenger";
  /** When its answer or failure came, or its caller left. */
  endsAt: number;
  ending: "good" | "bad" | "aborted" | "stopped";
}

/** The counters' differences at a look, from single requests. */
export function countsAt(units: readonly Unit[], from: number, to: number): Interval {
  const cells = new Map<number, Cell>();
  const nothing = (): ArmInterval => ({
    ended: 0,
    loss: 0,
    pending: 0,
    aborted: 0,
    latency: [],
    abortedLatency: [],
  });
  for (const unit of units) {
    if (unit.assignedAt > to || unit.endsAt <= from) continue;
    let cell = cells.get(unit.share);
    if (!cell)
      cells.set(unit.share, (cell = { share: unit.share, champion: nothing(), challenger: nothing() }));
    const arm = cell[unit.arm];
    const bucket = latencyBucket(unit.endsAt - unit.assignedAt);
    if (unit.endsAt > to) arm.pending++;
    else if (unit.ending === "stopped") arm.stopped = (arm.stopped ?? 0) + 1;
    else if (unit.ending === "aborted") {
      arm.aborted++;
      arm.abortedLatency!.push([bucket, 1]);
    } else {
      arm.ended++;
      arm.loss += unit.ending === "bad" ? 1 : 0;
      arm.latency!.push([bucket, 1]);
    }
  }
  return { at: to, requests: [...cells.values()], labels: {} };
}

/** A look after which other money lies on the alternatives, or other bets are in force. */
export interface Laid {
  at: number;
  state: MetricState;
}

/**
 * The wealth of one test by the definition: unit by unit in order of assignment, each with the bets that were in force
 * when it was assigned, money that was laid later not on it; one that hasn't ended counts as the least. Written
 * from the formulas, without the code that counts.
 */
export function exactWealth(
  units: readonly Unit[],
  looks: readonly Laid[],
  test: number,
  now: number,
): number {
  const first = looks[0]!.state;
  const hypothesis = hypothesesOf(first.kind, first.margin)[test]!;
  const stake = stakes(hypothesis);
  const order = units.filter(({ assignedAt }) => assignedAt <= now);
  order.sort((a, b) => a.assignedAt - b.assignedAt);
  let cash = first.tests[test]!.cash;
  const parts = first.tests[test]!.bets.slice();
  let next = 0;
  for (const [k, look] of looks.entries()) {
    const moved = k === 0 ? 0 : cash - look.state.tests[test]!.cash;
    cash -= moved;
    for (let i = 0; i < parts.length; i++) parts[i]! += moved * stake[i]!;
    const until = looks[k + 1]?.at ?? now;
    for (; next < order.length && order[next]!.assignedAt <= until; next++) {
      const logs = factorsOfUnit(order[next]!, look.state, test, now);
      for (let i = 0; i < parts.length; i++) parts[i]! *= Math.exp(logs[i]!);
    }
  }
  return cash + parts.reduce((sum, part) => sum + part, 0);
}

const memo = new Map<string, (UnitFactors | undefined)[]>();

function betsOf(state: MetricState, test: number, share: number): (UnitFactors | undefined)[] {
  const { q0, equal } = state.bets!;
  const hypothesis = hypothesesOf(state.kind, state.margin)[test]!;
  const key = JSON.stringify([hypothesis, share, q0, equal?.[test]]);
  let list = memo.get(key);
  if (!list) {
    const assumed = assumedRate(hypothesis, q0)!;
    const rates = alternatives(hypothesis, assumed, Math.min(assumed, equal?.[test] ?? assumed));
    list = rates.map((q1) => (q1 === undefined ? undefined : unitFactors(hypothesis, share, assumed, q1)));
    memo.set(key, list);
  }
  return list;
}

function factorsOfUnit(unit: Unit, state: MetricState, test: number, now: number): number[] {
  const { bets } = state;
  if (bets === null) return state.tests[test]!.bets.map(() => 0);
  const factors = betsOf(state, test, unit.share).map((factor) => factor?.[unit.arm] ?? { good: 0, bad: 0 });
  if (unit.endsAt > now || unit.ending === "stopped")
    return factors.map(({ good, bad }) => Math.min(0, good, bad));
  if (!bets.slow) {
    if (unit.ending === "aborted") return factors.map(() => 0);
    return factors.map((factor) => factor[unit.ending as "good" | "bad"]);
  }
  let threshold = unit.arm === "champion" ? bets.slow.champion : bets.slow.challenger[test]!;
  // Against "worse by the margin", one that was left past the champion's threshold is slow.
  if (test > 0 && unit.ending === "aborted") threshold = bets.slow.champion;
  const isSlow = latencyBucket(unit.endsAt - unit.assignedAt) > threshold;
  if (unit.ending === "aborted" && !isSlow) return factors.map(() => 0);
  return factors.map(({ good, bad }) => (isSlow ? bad : good));
}
