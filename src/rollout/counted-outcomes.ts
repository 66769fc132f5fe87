import type { LatencyHistogram, OutcomeCounter, OutcomeReport } from "../serving/outcomes.ts";
import type { ArmInterval, Cell } from "./judge.ts";

type Counts = LatencyHistogram["counts"];

/** How much of one cell's counters a rollout's judge has seen. */
export interface Cursor {
  version: number;
  arm: "champion" | "challenger";
  epoch: string;
  incarnation: string;
  share: number;
  finished: number;
  failed: number;
  /** Null in a row of an earlier version, which kept no more than the above. */
  rest: CursorRest | null;
}

interface CursorRest {
  aborted: number;
  fellBack: number;
  /** Absent in a row of an earlier version, which counted none. */
  leftFailed?: number;
  stopped?: number;
  /** The process that counted is gone, and what it had under way is paid for. */
  isOver?: boolean;
  latency: Counts;
  abortedLatency: Counts;
}

export type CursorKey = Pick<Cursor, "version" | "arm" | "epoch" | "incarnation" | "share">;

/** Names one cell of counters. */
export function cursorKey(cursor: CursorKey): string {
  return `${cursor.version} ${cursor.arm} ${cursor.epoch} ${cursor.incarnation} ${cursor.share}`;
}

/** The commit of an epoch: serve marks what is in no test, a sticky caller's later requests, say. */
function commitOf(epoch: string): string {
  return epoch.replace(/[!~]+$/, "");
}

/** Commits of a rollout; true for one under which the challenger got copies only. */
export type Epochs = ReadonlyMap<string, boolean>;

/** A rollout's own counters: those of its commits, without the copies that the coin didn't choose. */
export function ownCounters(counters: readonly OutcomeCounter[], epochs: Epochs): OutcomeCounter[] {
  return counters.filter(({ epoch, arm }) => {
    const isCopied = epochs.get(commitOf(epoch));
    if (isCopied === undefined) return false;
    return !(isCopied && arm === "challenger" && epoch !== commitOf(epoch));
  });
}

/** Share of the cell that a counter belongs to: what is in no test is told as certain of its arm. */
function cellShare({ epoch, arm, share }: OutcomeCounter): number {
  if (epoch === commitOf(epoch)) return share;
  return arm === "challenger" ? 1 : 0;
}

/**
 * What ended since the cursors, by share at assignment, and the cursors that have moved. Units under way are a level:
 * what an earlier incarnation had under way died with it, see `isBegunAnew`.
 */
export function countSince(
  report: Pick<OutcomeReport, "incarnation" | "living">,
  counters: readonly OutcomeCounter[],
  seen: ReadonlyMap<string, Cursor>,
): { cells: Cell[]; moved: Cursor[] } {
  const cells = new Map<number, Cell>();
  const moved: Cursor[] = [];
  for (const counter of counters) {
    const last = seen.get(cursorKey(counter));
    const arm = cellOf(cells, cellShare(counter))[counter.arm];
    const ended = add(arm, counter, last);
    const goesOn = isLiving(report, counter.incarnation);
    if (goesOn) {
      const { started, finished, aborted, stopped = 0 } = counter;
      arm.pending += Math.max(0, started - finished - aborted - stopped);
    }
    const isOver = report.living !== undefined && !goesOn;
    const isNewlyOver = isOver && last !== undefined && last.rest?.isOver !== true;
    if (ended > 0 || hasMoved(counter, last) || isNewlyOver) moved.push(cursorAt(counter, isOver));
  }
  moved.push(...lostCursors(report, counters, seen));
  return { cells: [...cells.values()], moved };
}

/** Of processes that are gone and of whose counters nothing is left: they are paid for once like the others. */
function lostCursors(
  report: Pick<OutcomeReport, "incarnation" | "living">,
  counters: readonly OutcomeCounter[],
  seen: ReadonlyMap<string, Cursor>,
): Cursor[] {
  if (report.living === undefined) return [];
  const told = new Set(counters.map(cursorKey));
  return [...seen]
    .filter(
      ([key, { incarnation, rest }]) => !told.has(key) && !isLiving(report, incarnation) && !rest?.isOver,
    )
    .map(([, cursor]) => ({ ...cursor, rest: { ...(cursor.rest ?? NO_REST), isOver: true } }));
}

const NO_REST: CursorRest = { aborted: 0, fellBack: 0, latency: [], abortedLatency: [] };

function isLiving(
  { incarnation, living }: Pick<OutcomeReport, "incarnation" | "living">,
  one: string,
): boolean {
  return living === undefined ? one === incarnation : living.includes(one);
}

/**
 * True when what was under way died with the process that counted it: that process was all there is and no counter that
 * the cursors speak of goes on, or it was one of several and this is the first look without it.
 */
export function isBegunAnew(
  report: Pick<OutcomeReport, "incarnation" | "living">,
  seen: ReadonlyMap<string, Cursor>,
): boolean {
  const cursors = [...seen.values()];
  if (report.living === undefined)
    return cursors.length > 0 && !cursors.some((cursor) => isLiving(report, cursor.incarnation));
  return cursors.some(({ incarnation, rest }) => !isLiving(report, incarnation) && rest?.isOver !== true);
}

/** All that a version ever answered outside of the given epochs, as champion: what was before the rollout. */
export function countBefore(counters: readonly OutcomeCounter[], version: number, own: Epochs): Cell[] {
  const cell: Cell = { share: 0, champion: emptyArm(), challenger: emptyArm() };
  for (const counter of counters) {
    if (counter.version === version && !own.has(commitOf(counter.epoch)))
      add(cell.champion, counter, undefined);
  }
  return cell.champion.ended + cell.champion.aborted === 0 ? [] : [cell];
}

/** Adds to the arm what is new since the cursor; answers how many ended. */
function add(arm: ArmInterval, counter: OutcomeCounter, last: Cursor | undefined): number {
  const ended = Math.max(0, counter.finished - (last?.finished ?? 0));
  arm.ended += ended;
  arm.loss += Math.min(ended, Math.max(0, counter.failed - (last?.failed ?? 0)));
  // The histogram up to an earlier version's cursor isn't known, so this once none is told.
  if (last && last.rest === null) return ended;
  arm.aborted += Math.max(0, counter.aborted - (last?.rest?.aborted ?? 0));
  addSome(arm, "leftFailed", (counter.leftFailed ?? 0) - (last?.rest?.leftFailed ?? 0));
  addSome(arm, "stopped", (counter.stopped ?? 0) - (last?.rest?.stopped ?? 0));
  arm.latency = merged(arm.latency, difference(counter.latency.counts, last?.rest?.latency));
  arm.abortedLatency = merged(
    arm.abortedLatency,
    difference(counter.abortedLatency.counts, last?.rest?.abortedLatency),
  );
  return ended;
}

function addSome(arm: ArmInterval, what: "leftFailed" | "stopped", more: number): void {
  if (more > 0) arm[what] = (arm[what] ?? 0) + more;
}

function hasMoved(counter: OutcomeCounter, last: Cursor | undefined): boolean {
  return (
    counter.aborted !== (last?.rest?.aborted ?? 0) ||
    (counter.stopped ?? 0) !== (last?.rest?.stopped ?? 0) ||
    counter.fellBack !== (last?.rest?.fellBack ?? 0) ||
    counter.failed !== (last?.failed ?? 0)
  );
}

function cursorAt(counter: OutcomeCounter, isOver: boolean): Cursor {
  const { version, arm, epoch, incarnation, share, finished, failed, aborted, fellBack } = counter;
  const { leftFailed = 0, stopped = 0 } = counter;
  return {
    version,
    arm,
    epoch,
    incarnation,
    share,
    finished,
    failed,
    rest: {
      aborted,
      fellBack,
      leftFailed,
      stopped,
      ...(isOver ? { isOver } : {}),
      latency: counter.latency.counts,
      abortedLatency: counter.abortedLatency.counts,
    },
  };
}

function difference(now: Counts, before: Counts | undefined): Counts {
  if (!before || before.length === 0) return now;
  const known = new Map(before);
  return now
    .map(([bucket, count]): [number, number] => [bucket, count - (known.get(bucket) ?? 0)])
    .filter(([, count]) => count > 0);
}

function merged(into: Counts | undefined, counts: Counts): Counts {
  if (!into || into.length === 0) return counts.map(([bucket, count]) => [bucket, count]);
  const sums = new Map(into);
  for (const [bucket, count] of counts) sums.set(bucket, (sums.get(bucket) ?? 0) + count);
  return [...sums].sort(([a], [b]) => a - b);
}

function cellOf(cells: Map<number, Cell>, share: number): Cell {
  let cell = cells.get(share);
  if (!cell) {
    cell = { share, champion: emptyArm(), challenger: emptyArm() };
    cells.set(share, cell);
  }
  return cell;
}

function emptyArm(): ArmInterval {
  return { ended: 0, loss: 0, pending: 0, aborted: 0, latency: [], abortedLatency: [] };
}
