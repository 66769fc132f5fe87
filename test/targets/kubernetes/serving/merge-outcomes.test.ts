import { array, assert, constant, constantFrom, integer, oneof, property, record } from "fast-check";
import { expect, test } from "vitest";
import type { OutcomeCounter, OutcomeReport } from "../../../../src/serving/outcomes.ts";
import { OutcomeMerge } from "../../../../src/targets/kubernetes/serving/merge-outcomes.ts";

const none = () => ({ counts: [], sum: 0 });

function cell(incarnation: string, epoch: string, finished: number): OutcomeCounter {
  return {
    service: "s",
    version: 1,
    epoch,
    share: 0.1,
    arm: "champion",
    incarnation,
    started: finished,
    finished,
    failed: 0,
    aborted: 0,
    fellBack: 0,
    latency: none(),
    abortedLatency: none(),
  };
}

/** A pod as it really is: its process counts, and is replaced at times. */
class FakePod {
  incarnation: string;
  readonly counts = new Map<string, number>();
  constructor(
    readonly name: string,
    start: number,
  ) {
    this.incarnation = `${name}-${start}`;
  }
  restart(start: number): void {
    this.incarnation = `${this.name}-${start}`;
    this.counts.clear();
  }
  report(at: number): OutcomeReport {
    const counters = [...this.counts].map(([epoch, count]) => cell(this.incarnation, epoch, count));
    return { at, incarnation: this.incarnation, counters, shadows: [] };
  }
}

type Step =
  | { do: "count"; pod: number; epoch: string }
  | { do: "read"; pod: number }
  | { do: "late"; pod: number }
  | { do: "restart" | "leave"; pod: number }
  | { do: "take over" };

const pod = integer({ min: 0, max: 2 });
const steps = array(
  oneof(
    {
      weight: 6,
      arbitrary: record({ do: constant("count" as const), pod, epoch: constantFrom("a", "b") }),
    },
    { weight: 4, arbitrary: record({ do: constant("read" as const), pod }) },
    { weight: 2, arbitrary: record({ do: constant("late" as const), pod }) },
    { weight: 1, arbitrary: record({ do: constantFrom("restart" as const, "leave" as const), pod }) },
    { weight: 1, arbitrary: constant({ do: "take over" as const }) },
  ),
  { maxLength: 60 },
);

const total = (report: OutcomeReport) => report.counters.reduce((sum, { finished }) => sum + finished, 0);
const keyOf = ({ incarnation, epoch }: OutcomeCounter) => `${incarnation} ${epoch}`;

test("counts each unit that was told of once, whatever dies and whoever leads, and never goes back", () => {
  assert(
    property(steps, (all) => {
      let now = 0;
      let starts = 0;
      const pods = [0, 1, 2].map((index) => new FakePod(`pod${index}`, starts++));
      const kept = new Map<string, OutcomeReport>();
      const keep = (report: OutcomeReport | undefined): void => {
        if (report !== undefined) kept.set(report.incarnation, report);
      };
      let merge = new OutcomeMerge("leader-0");
      /** What was told of each incarnation last, by cell: what the sum must be. */
      const told = new Map<string, number>();
      const earlier: OutcomeReport[] = [];
      let before = 0;
      const tell = (from: FakePod): void => {
        const report = from.report(now);
        earlier.push(report);
        keep(merge.observe(from.name, report));
        for (const counter of report.counters) told.set(keyOf(counter), counter.finished);
      };
      for (const step of all as Step[]) {
        now += 1;
        const own = "pod" in step ? pods[step.pod]! : undefined;
        if (step.do === "count") own!.counts.set(step.epoch, (own!.counts.get(step.epoch) ?? 0) + 1);
        if (step.do === "read") tell(own!);
        // An answer that was under way comes again, after newer ones.
        const late = earlier.findLast(({ incarnation }) => incarnation.startsWith(own?.name ?? "?"));
        if (step.do === "late" && late !== undefined) keep(merge.observe(own!.name, late));
        if (step.do === "restart") own!.restart(starts++);
        if (step.do === "leave") {
          keep(merge.leave(own!.name));
          pods[step.pod] = new FakePod(`${own!.name}x`, starts++);
        }
        if (step.do === "take over") {
          // The next leader reads what was kept, and asks everybody who lives.
          merge = new OutcomeMerge(`leader-${now}`, [...kept.values()]);
          for (const one of pods) tell(one);
          // Of a process that died unread while the leader changed nobody can know.
          const known = new Set([...kept.keys(), ...pods.map(({ incarnation }) => incarnation)]);
          for (const key of told.keys()) if (!known.has(key.split(" ")[0]!)) told.delete(key);
          before = 0;
        }
        const report = merge.report(now);
        const keys = report.counters.map(keyOf);
        expect(new Set(keys).size).toBe(keys.length);
        expect(total(report)).toBe([...told.values()].reduce((sum, count) => sum + count, 0));
        expect(total(report)).toBeGreaterThanOrEqual(before);
        before = total(report);
      }
    }),
    { numRuns: 300 },
  );
});

test("says whose counters go on", () => {
  const merge = new OutcomeMerge("leader");
  const one = new FakePod("one", 1);
  merge.observe("one", one.report(1));
  merge.observe("two", new FakePod("two", 2).report(1));
  expect(merge.leave("two")?.incarnation).toBe("two-2");
  one.restart(3);
  expect(merge.observe("one", one.report(2))?.incarnation).toBe("one-1");
  expect(merge.report(3).living).toEqual(["one-3"]);
});
