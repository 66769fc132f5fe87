import type { RolloutPolicy } from "../../spec/project.ts";
import type { ArmInterval, Cell, GuardFinding } from "../judge.ts";
import {
  above,
  addLatencies,
  type ChampionLatency,
  edgeOf,
  isDue,
  merge,
  ownLatency,
  quantileBucket,
  unknownLatency,
} from "./champion-latency.ts";
import { type ChampionRate, unknownRate, updateRate } from "./champion-rate.ts";

/**
 * The absolute guard, outside the declared rates: a challenger that starves the machine slows its champion too, and no
 * comparison of the two sees it. It compares both arms together with the time before the rollout. It is no test:
 * nobody declares how often it is wrong, so its limits are wide and have to be exceeded for a while. Plain JSON.
 */
export interface AbsoluteGuard {
  /** Before the rollout; fading. */
  units: number;
  loss: number;
  latency: ChampionLatency;
  /** What the present is compared with; null before the first unit of the rollout, or when too little was seen. */
  limits: Limits | null;
  hasBegun: boolean;
  /** The last seconds, oldest first. */
  slots: Slot[];
  /** Since when what is wrong has been so, in the judge's own milliseconds. */
  since: { errors: number | null; latency: number | null };
  finding: GuardFinding | null;
}

interface Limits {
  rate: number;
  errors: number;
  /** Bucket and milliseconds; null when no latency is known. */
  p95: { before: number; limit: number; bucket: number } | null;
}

interface Slot {
  from: number;
  units: number;
  loss: number;
  /** With a known latency; and of these those above the limit: bucket, count, … */
  timed: number;
  over: number[];
}

const LEAST_BEFORE = 200;
const LEAST_NOW = 100;
const SLOT = 2000;
const WINDOW = 10_000;
/** How long the limit must be exceeded. */
const LASTING = 10_000;
const NEWEST = 2 * SLOT;
/** A 95th percentile that rose by less is nobody's trouble, whatever the factor. */
const LEAST_RISE = 50;
const QUANTILE = 0.95;
/** The rate before fades over 600 s, twice as slowly as `updateRate` does. */
const SLOWER = 0.5;

export const startGuard: AbsoluteGuard = {
  ...unknownRate,
  latency: unknownLatency(),
  limits: null,
  hasBegun: false,
  slots: [],
  since: { errors: null, latency: null },
  finding: null,
};

/** Units of the time before the rollout. */
export function watchBefore(guard: AbsoluteGuard, seconds: number, cells: readonly Cell[]): AbsoluteGuard {
  const rate: ChampionRate = { units: guard.units, loss: guard.loss };
  const latency = ownLatency(guard.latency);
  for (const arm of cells.flatMap(({ champion, challenger }) => [champion, challenger])) {
    updateRate(rate, 0, arm.ended, arm.loss);
    addLatencies(latency, arm.latency ?? []);
  }
  updateRate(rate, seconds * SLOWER, 0, 0);
  latency.age += seconds * SLOWER;
  // Another rollout of the same version goes on from this state: what was seen of the present is over.
  return {
    ...startGuard,
    ...rate,
    latency: isDue(latency) ? merge(latency) : latency,
  };
}

/** Units of the rollout, both arms, whatever their share. `clock`: the judge's own, which never goes back. */
export function watchNow(
  guard: AbsoluteGuard,
  policy: RolloutPolicy["guard"],
  clock: number,
  cells: readonly Cell[],
  edges: readonly number[] | undefined,
): AbsoluteGuard {
  const begun = guard.hasBegun ? guard : { ...guard, hasBegun: true, limits: limitsOf(guard, policy, edges) };
  if (begun.limits === null || begun.finding !== null) return begun;
  const slots = addToSlots(begun.slots, clock, cells, begun.limits);
  return decide({ ...begun, slots }, begun.limits, clock, edges);
}

function limitsOf(
  guard: AbsoluteGuard,
  policy: RolloutPolicy["guard"],
  edges: readonly number[] | undefined,
): Limits | null {
  if (!policy || guard.units < LEAST_BEFORE) return null;
  const rate = guard.loss / guard.units;
  const latency = merge(guard.latency);
  const bucket = latency.total >= LEAST_BEFORE ? quantileBucket(latency, QUANTILE) : undefined;
  if (bucket === undefined) return { rate, errors: rate + policy.errors, p95: null };
  const before = edgeOf(edges, bucket);
  const limit = before + Math.max(LEAST_RISE, before * policy.latency);
  let over = bucket;
  while (edgeOf(edges, over) < limit) over++;
  const isKnown = Number.isFinite(before) && Number.isFinite(edgeOf(edges, over));
  return { rate, errors: rate + policy.errors, p95: isKnown ? { before, limit, bucket: over } : null };
}

function addToSlots(slots: readonly Slot[], clock: number, cells: readonly Cell[], limits: Limits): Slot[] {
  const kept = slots.filter(({ from }) => from > clock - WINDOW - SLOT);
  const last = kept.at(-1);
  const open: Slot =
    last && clock - last.from < SLOT
      ? { ...last, over: last.over.slice() }
      : { from: clock, units: 0, loss: 0, timed: 0, over: [] };
  if (last && open.from === last.from) kept.pop();
  for (const { champion, challenger } of cells) {
    addToSlot(open, champion, limits);
    addToSlot(open, challenger, limits);
  }
  kept.push(open);
  return kept;
}

function addToSlot(slot: Slot, arm: ArmInterval, { p95 }: Limits): void {
  slot.units += arm.ended;
  slot.loss += arm.loss;
  if (p95 === null || !arm.latency) return;
  for (const [bucket, count] of arm.latency) {
    slot.timed += count;
    if (bucket <= p95.bucket || count === 0) continue;
    const at = slot.over.findIndex((value, i) => i % 2 === 0 && value === bucket);
    if (at < 0) slot.over.push(bucket, count);
    else slot.over[at + 1]! += count;
  }
}

interface Sum {
  units: number;
  loss: number;
  timed: number;
  over: number;
}

function sumOf(slots: readonly Slot[]): Sum {
  const sum = { units: 0, loss: 0, timed: 0, over: 0 };
  for (const slot of slots) {
    sum.units += slot.units;
    sum.loss += slot.loss;
    sum.timed += slot.timed;
    for (let i = 1; i < slot.over.length; i += 2) sum.over += slot.over[i]!;
  }
  return sum;
}

/** The whole window must be wrong, and its newest part still: a burst that is over stays in the window for a while. */
function decide(
  guard: AbsoluteGuard,
  limits: Limits,
  clock: number,
  edges: readonly number[] | undefined,
): AbsoluteGuard {
  const { units, loss, timed, over } = sumOf(guard.slots);
  const newest = sumOf(guard.slots.filter(({ from }) => from > clock - NEWEST));
  const fails =
    units >= LEAST_NOW && loss > limits.errors * units && newest.loss > limits.errors * newest.units;
  const isSlow =
    timed >= LEAST_NOW && over > (1 - QUANTILE) * timed && newest.over > (1 - QUANTILE) * newest.timed;
  const since = {
    errors: fails ? (guard.since.errors ?? clock) : null,
    latency: isSlow ? (guard.since.latency ?? clock) : null,
  };
  let finding: GuardFinding | null = null;
  if (since.errors !== null && clock - since.errors >= LASTING)
    finding = { what: "errors", before: limits.rate, now: loss / units, limit: limits.errors, units };
  else if (since.latency !== null && clock - since.latency >= LASTING && limits.p95)
    finding = {
      what: "latency",
      before: limits.p95.before,
      now: percentileNow(guard.slots, timed, edges),
      limit: limits.p95.limit,
      units: timed,
    };
  return { ...guard, since, finding };
}

/** The 95th percentile of the last seconds, which is known to lie above the limit. */
function percentileNow(slots: readonly Slot[], timed: number, edges: readonly number[] | undefined): number {
  const recent = slots.flatMap(({ over }) => over);
  const histogram = merge({ ...unknownLatency(), recent });
  let bucket = histogram.first;
  while (above(histogram, bucket) > (1 - QUANTILE) * timed) bucket++;
  return Math.min(edgeOf(edges, bucket), Number.MAX_VALUE);
}
