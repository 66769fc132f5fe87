import type { ArmInterval, Cell } from "../judge.ts";
import { slowUnits, type SlowThresholds } from "./slow-thresholds.ts";

/** One arm's units of an interval as one test sees them. */
export interface TestArm {
  ended: number;
  /** Sum of their losses. */
  loss: number;
  pending: number;
  aborted: number;
  /** Ended by the platform itself. */
  stopped?: number;
  /** Of the ended: those whose loss is another one under the bets before. Absent: none. */
  turned?: number;
  /** Of those left by their callers, counted or not: the same. */
  strayed?: number;
}

export interface TestCell {
  share: number;
  champion: TestArm;
  challenger: TestArm;
}

/** True where the arm was drawn. */
export function isDrawn(cell: Cell): boolean {
  return cell.share > 0 && cell.share < 1;
}

/** Units that their caller left, whatever else is known of them. */
export function leftUnits({ aborted, leftFailed = 0 }: ArmInterval): number {
  return aborted + leftFailed;
}

/** Numbers from elsewhere as counts: none is negative, infinite or not a number, and no more is lost than ended. */
export function soundCells(cells: readonly Cell[]): readonly Cell[] {
  for (const cell of cells) if (!isSoundCell(cell)) return cells.filter(hasShare).map(soundCell);
  return cells;
}

function hasShare({ share }: Cell): boolean {
  return share >= 0 && share <= 1;
}

function isSoundCell(cell: Cell): boolean {
  return hasShare(cell) && isSound(cell.champion) && isSound(cell.challenger);
}

function soundCell({ share, champion, challenger }: Cell): Cell {
  return {
    share,
    champion: isSound(champion) ? champion : sound(champion),
    challenger: isSound(challenger) ? challenger : sound(challenger),
  };
}

function isSound(arm: ArmInterval): boolean {
  return (
    isCount(arm.ended) &&
    isCount(arm.loss) &&
    arm.loss <= arm.ended &&
    isCount(arm.pending) &&
    isCount(arm.aborted) &&
    isCount(arm.stopped ?? 0) &&
    isCount(arm.leftFailed ?? 0) &&
    areCounts(arm.latency) &&
    areCounts(arm.abortedLatency)
  );
}

function isCount(value: number): boolean {
  return value >= 0 && value <= MOST;
}

function areCounts(buckets: [number, number][] | undefined): boolean {
  if (buckets === undefined) return true;
  for (const entry of buckets) if (!isBucket(entry[0]) || !isCount(entry[1])) return false;
  return true;
}

/** More units than this in one interval nobody counts. */
const MOST = 1e12;

function isBucket(bucket: number): boolean {
  return Number.isInteger(bucket) && bucket >= 0 && bucket < 100_000;
}

function sound(arm: ArmInterval): ArmInterval {
  const count = (value: number): number => (value > 0 ? Math.min(value, MOST) : 0);
  const buckets = (list: [number, number][]): [number, number][] =>
    list.filter(([bucket]) => isBucket(bucket)).map(([bucket, units]) => [bucket, count(units)]);
  const ended = count(arm.ended);
  return {
    ended,
    loss: Math.min(ended, count(arm.loss)),
    pending: count(arm.pending),
    aborted: count(arm.aborted),
    ...(arm.stopped === undefined ? {} : { stopped: count(arm.stopped) }),
    ...(arm.leftFailed === undefined ? {} : { leftFailed: Math.min(ended, count(arm.leftFailed)) }),
    ...(arm.latency ? { latency: buckets(arm.latency) } : {}),
    ...(arm.abortedLatency ? { abortedLatency: buckets(arm.abortedLatency) } : {}),
  };
}

/** Drawn units by their loss: failures, or labels. */
export function byLoss(cells: readonly Cell[]): readonly TestCell[] {
  for (const cell of cells) if (!isDrawn(cell)) return cells.filter(isDrawn);
  return cells;
}

/**
 * Drawn units by whether they were slow, for each of a metric's tests. A unit that its caller left after it had been slow
 * is known to be slow; one that was left earlier is `aborted`. Units without a known latency aren't seen.
 *
 * Against "worse by the margin" (every test but the first) a challenger's unit that was left past the champion's
 * threshold is slow as well. Callers who go away between the two thresholds would otherwise take only the challenger's
 * slow ones out of the comparison. So with a patience C that doesn't hang on the arm its rate of slow ones is
 * P(T1 > min(C, threshold)) for C >= tau, which isn't below P(T1 > threshold).
 */
export function bySlowness(
  cells: readonly Cell[],
  now: SlowThresholds,
  before: SlowThresholds | undefined,
): (readonly TestCell[])[] {
  const seen: TestCell[][] = now.challenger.map(() => []);
  for (const cell of cells) {
    if (!isDrawn(cell)) continue;
    const { share } = cell;
    const champion = slownessOf(cell.champion, ofChampion(now), before && ofChampion(before));
    const isTimed = hasTimes(cell.challenger);
    let as: TestCell | undefined;
    for (let test = 0; test < seen.length; test++) {
      // Where nothing of the challenger was timed, it looks the same to every threshold.
      if (as === undefined || isTimed) {
        const challenger = slownessOf(
          cell.challenger,
          ofChallenger(now, test),
          before && ofChallenger(before, test),
        );
        as = { share, champion, challenger };
      }
      seen[test]!.push(as);
    }
  }
  return seen;
}

function hasTimes({ latency, abortedLatency }: ArmInterval): boolean {
  return (
    (latency !== undefined && latency.length > 0) ||
    (abortedLatency !== undefined && abortedLatency.length > 0)
  );
}

/** Buckets above which a unit counts as slow: one that ended, and one that was left. */
interface Limits {
  ended: number;
  left: number;
}

function ofChampion({ champion }: SlowThresholds): Limits {
  return { ended: champion, left: champion };
}

function ofChallenger({ champion, challenger }: SlowThresholds, test: number): Limits {
  const threshold = challenger[test]!;
  return { ended: threshold, left: test === 0 ? threshold : Math.min(threshold, champion) };
}

function slownessOf(arm: ArmInterval, now: Limits, before: Limits = now): TestArm {
  let ended = 0;
  let slow = 0;
  let wasSlow = 0;
  if (arm.latency !== undefined)
    for (const entry of arm.latency) {
      const count = entry[1];
      ended += count;
      if (entry[0] > now.ended) slow += count;
      if (entry[0] > before.ended) wasSlow += count;
    }
  const left = leftUnits(arm);
  let leftSlow = 0;
  let strayed = 0;
  if (arm.abortedLatency !== undefined && arm.abortedLatency.length > 0) {
    leftSlow = Math.min(left, slowUnits(arm.abortedLatency, now.left));
    if (before.left !== now.left) strayed = Math.abs(leftSlow - slowUnits(arm.abortedLatency, before.left));
  }
  return {
    ended: ended + leftSlow,
    loss: slow + leftSlow,
    pending: arm.pending,
    aborted: left - leftSlow,
    ...(arm.stopped === undefined ? {} : { stopped: arm.stopped }),
    turned: Math.abs(slow - wasSlow),
    strayed,
  };
}
