import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type Cursor,
  countBefore,
  countSince,
  cursorKey,
  isBegunAnew,
  ownCounters,
} from "../../src/rollout/counted-outcomes.ts";
import type { OutcomeCounter } from "../../src/serving/outcomes.ts";

function counter(changes: Partial<OutcomeCounter> = {}): OutcomeCounter {
  return {
    service: "m",
    version: 2,
    epoch: "c1",
    share: 0.1,
    arm: "challenger",
    incarnation: "i1",
    started: 0,
    finished: 0,
    failed: 0,
    aborted: 0,
    fellBack: 0,
    latency: { counts: [], sum: 0 },
    abortedLatency: { counts: [], sum: 0 },
    ...changes,
  };
}

/** Growth between two looks: latencies of the ended by bucket, failures among them, those left. */
interface Growth {
  buckets: number[];
  failed: number;
  aborted: number[];
  pending: number;
}
const growth = fc.record<Growth>({
  buckets: fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 12 }),
  failed: fc.nat(12),
  aborted: fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 4 }),
  pending: fc.nat(5),
});

function grown(before: OutcomeCounter, by: Growth) {
  const finished = before.finished + by.buckets.length;
  const aborted = before.aborted + by.aborted.length;
  return counter({
    finished,
    aborted,
    started: finished + aborted + by.pending,
    failed: before.failed + Math.min(by.failed, by.buckets.length),
    latency: { counts: histogram(before.latency.counts, by.buckets), sum: 0 },
    abortedLatency: { counts: histogram(before.abortedLatency.counts, by.aborted), sum: 0 },
  });
}

function histogram(counts: [number, number][], more: number[]): [number, number][] {
  const sums = new Map(counts);
  for (const bucket of more) sums.set(bucket, (sums.get(bucket) ?? 0) + 1);
  return [...sums].sort(([a], [b]) => a - b);
}

function unrolled(counts: [number, number][]): number[] {
  return counts.flatMap(([bucket, count]) => Array.from({ length: count }, () => bucket));
}

describe("what ended since the last look", () => {
  it("adds up to the counters over any looks, each unit once", () => {
    fc.assert(
      fc.property(fc.array(growth, { minLength: 1, maxLength: 8 }), (looks) => {
        let now = counter();
        let cursors = new Map<string, Cursor>();
        const sum = {
          ended: 0,
          loss: 0,
          aborted: 0,
          latency: [] as [number, number][],
          left: [] as [number, number][],
        };
        for (const look of looks) {
          now = grown(now, look);
          const { cells, moved } = countSince({ incarnation: "i1" }, [now], cursors);
          // As from the database.
          const kept = structuredClone(moved);
          cursors = new Map([...cursors, ...kept.map((cursor) => [cursorKey(cursor), cursor] as const)]);
          const arm = cells[0]!.challenger;
          expect(arm.pending).toBe(look.pending);
          expect(arm.latency!.reduce((total, [, count]) => total + count, 0)).toBe(arm.ended);
          sum.ended += arm.ended;
          sum.loss += arm.loss;
          sum.aborted += arm.aborted;
          sum.latency = histogram(sum.latency, unrolled(arm.latency!));
          sum.left = histogram(sum.left, unrolled(arm.abortedLatency!));
        }
        expect(sum).toEqual({
          ended: now.finished,
          loss: now.failed,
          aborted: now.aborted,
          latency: now.latency.counts,
          left: now.abortedLatency.counts,
        });
        expect(countSince({ incarnation: "i1" }, [now], cursors).moved).toEqual([]);
      }),
    );
  });

  it("tells what we stopped, and who left a failed one, once each; neither is under way", () => {
    const first = counter({ started: 9, finished: 4, failed: 2, leftFailed: 2, stopped: 3 });
    const told = countSince({ incarnation: "i1" }, [first], new Map());
    expect(told.cells[0]!.challenger).toMatchObject({
      ended: 4,
      leftFailed: 2,
      stopped: 3,
      pending: 2,
      aborted: 0,
    });
    const seen = new Map(structuredClone(told.moved).map((cursor) => [cursorKey(cursor), cursor]));
    const now = { ...first, stopped: 4 };
    const again = countSince({ incarnation: "i1" }, [now], seen);
    expect(again.cells[0]!.challenger).toMatchObject({ ended: 0, stopped: 1, pending: 1 });
    expect(again.cells[0]!.challenger.leftFailed).toBeUndefined();
    expect(again.moved).toHaveLength(1);
  });

  it("leaves out what an earlier incarnation had under way, and keeps shares apart", () => {
    const { cells } = countSince(
      { incarnation: "i2" },
      [
        counter({ started: 9, finished: 5 }),
        counter({ incarnation: "i2", started: 9, finished: 5, share: 0.5, arm: "champion" }),
      ],
      new Map(),
    );
    expect(cells.map((cell) => [cell.share, cell.challenger.pending, cell.champion.pending])).toEqual([
      [0.1, 0, 0],
      [0.5, 0, 4],
    ]);
  });

  it("begins anew when none of the counters seen goes on", () => {
    const seen = new Map<string, Cursor>();
    expect(isBegunAnew({ incarnation: "i1" }, seen)).toBe(false);
    for (const incarnation of ["i1", "i2"]) {
      const cursor: Cursor = { ...counter({ incarnation }), rest: null };
      seen.set(cursorKey(cursor), cursor);
    }
    expect(isBegunAnew({ incarnation: "i2" }, seen)).toBe(false);
    expect(isBegunAnew({ incarnation: "i3" }, seen)).toBe(true);
  });

  it("pays once for what a process of several had under way when it died, whether its counters are kept or not", () => {
    const [one, two, three] = ["i1", "i2", "i3"].map((incarnation) =>
      counter({ incarnation, started: 5, finished: 3 }),
    );
    const before = { incarnation: "sum", living: ["i1", "i2", "i3"] };
    const first = countSince(before, [one!, two!, three!], new Map());
    expect(first.cells[0]!.challenger).toMatchObject({ ended: 9, pending: 6 });
    let seen = new Map(first.moved.map((cursor) => [cursorKey(cursor), cursor]));
    expect(isBegunAnew(before, seen)).toBe(false);
    const after = { incarnation: "sum", living: ["i1"] };
    expect(isBegunAnew(after, seen)).toBe(true);
    // Of the third nothing was kept.
    const second = countSince(after, [one!, two!], seen);
    expect(second.cells[0]!.challenger).toMatchObject({ ended: 0, pending: 2 });
    seen = new Map([...seen, ...second.moved.map((cursor) => [cursorKey(cursor), cursor] as const)]);
    expect(isBegunAnew(after, seen)).toBe(false);
    expect(countSince(after, [one!, two!], seen).moved).toEqual([]);
  });

  it("tells no latency once after a cursor that an earlier version wrote", () => {
    const old: Cursor = { ...counter({ finished: 3, failed: 1 }), rest: null };
    const now = counter({ finished: 5, failed: 1, latency: { counts: [[7, 5]], sum: 0 } });
    const first = countSince({ incarnation: "i1" }, [now], new Map([[cursorKey(old), old]]));
    expect(first.cells[0]!.challenger).toMatchObject({ ended: 2, loss: 0, latency: [] });
    const seen = new Map(first.moved.map((cursor) => [cursorKey(cursor), cursor]));
    const later = counter({ finished: 6, failed: 1, latency: { counts: [[7, 6]], sum: 0 } });
    const second = countSince({ incarnation: "i1" }, [later], seen);
    expect(second.cells[0]!.challenger).toMatchObject({ ended: 1, latency: [[7, 1]] });
  });
});

describe("what is in no test", () => {
  it("is told beside it, by the arm alone: a sticky caller's later requests, what came after a stop", () => {
    const counters = [
      counter({ finished: 10 }),
      counter({ epoch: "c1~", finished: 20, failed: 3 }),
      counter({ epoch: "c1~", arm: "champion", version: 1, finished: 30 }),
      counter({ epoch: "c1!", arm: "champion", version: 1, share: 0, finished: 40 }),
      counter({ epoch: "c9", finished: 1000 }),
    ];
    const own = ownCounters(counters, new Map([["c1", false]]));
    const { cells } = countSince({ incarnation: "i1" }, own, new Map());
    expect(cells.map(({ share, champion, challenger }) => [share, champion.ended, challenger.ended])).toEqual(
      [
        [0.1, 0, 10],
        [1, 0, 20],
        [0, 70, 0],
      ],
    );
  });

  it("leaves out the copies that the coin didn't choose: nobody got them", () => {
    const counters = [
      counter({ share: 0.5, finished: 10 }),
      counter({ epoch: "c1~", share: 0.5, finished: 20 }),
      counter({ epoch: "c1~", share: 0.5, arm: "champion", version: 1, finished: 30 }),
    ];
    const own = ownCounters(counters, new Map([["c1", true]]));
    expect(own.map(({ finished }) => finished)).toEqual([10, 30]);
  });
});

describe("what was before the rollout", () => {
  it("is all that the champion's version answered under other commits, in either arm", () => {
    const cells = countBefore(
      [
        counter({ version: 1, epoch: "c0", arm: "champion", share: 0, finished: 70, failed: 2 }),
        counter({ version: 1, epoch: "b9", arm: "challenger", finished: 30, failed: 1 }),
        counter({ version: 1, epoch: "c1", arm: "champion", finished: 1000 }),
        counter({ version: 2, epoch: "c0", finished: 1000 }),
      ],
      1,
      new Map([["c1", false]]),
    );
    expect(cells).toMatchObject([{ share: 0, champion: { ended: 100, loss: 3, pending: 0 } }]);
  });

  it("is nothing when nothing was", () => {
    expect(countBefore([counter({ version: 1 })], 1, new Map())).toEqual([]);
  });
});
