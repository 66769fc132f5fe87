import { describe, expect, it } from "vitest";
import { play, type Arm, type World } from "../../../bench/rollout/play.ts";
import { ERRORS, LABELS, LATENCY, policy } from "../../../bench/rollout/policies.ts";
import { Random } from "../../../bench/rollout/random.ts";
import { CORRECT, type Conduct, Slipway } from "../../../bench/rollout/slipway.ts";
import { steady } from "../../../bench/rollout/worlds.ts";
import type { Cell, Interval, Judge, Judgement } from "../../../src/rollout/judge.ts";

/** Says what it is told to say, and keeps what it is shown. */
function scripted(say: (looks: number, step: number) => Partial<Judgement>) {
  const intervals: Interval[] = [];
  let looks = 0;
  const judge: Judge<null> = {
    start: () => null,
    observe: (_state, interval) => {
      intervals.push(structuredClone(interval));
      return null;
    },
    judge: (_state, _policy, step) => ({
      verdict: "undecided",
      blamed: null,
      advance: false,
      harm: 0,
      harmThreshold: 100,
      safetyThreshold: 20,
      metrics: [],
      guard: null,
      sentence: "",
      ...say(++looks, step),
    }),
  };
  return { judge: { judge }, intervals };
}

const CONDUCT: Conduct = { lookEvery: 0, endsAtPromotion: true, feed: CORRECT };

function rollout(
  world: World,
  conduct: Partial<Conduct>,
  say: Parameters<typeof scripted>[0] = () => ({}),
  seconds = 200,
) {
  const { judge, intervals } = scripted(say);
  const rules = policy([ERRORS, LATENCY, { ...LABELS, within: 30_000 }]);
  const slipway = new Slipway(judge, rules, { ...CONDUCT, ...conduct }, 50);
  const ended = play(world, slipway, new Random(9, 1), { baseline: 50, seconds });
  return { slipway, intervals, ended };
}

const sum = (cells: readonly Cell[], arm: Arm, of: "ended" | "loss" | "pending") =>
  cells.reduce((total, cell) => total + cell[arm][of], 0);

describe("a simulated rollout", () => {
  it("shows the time before as a baseline, then a look at each unit", () => {
    const { intervals, slipway } = rollout(steady(4, { failure: () => 0.1, latency: () => 10 }), {});
    const [baseline, ...looks] = intervals;
    expect(baseline?.isBaseline).toBe(true);
    expect(baseline?.requests.map(({ share }) => share)).toEqual([0]);
    expect(
      looks.every(
        ({ requests }) => sum(requests, "champion", "ended") + sum(requests, "challenger", "ended") === 1,
      ),
    ).toBe(true);
    expect(looks.length).toBe(slipway.units);
    const [cell] = looks[0]!.requests;
    expect(cell?.champion.latency?.length ?? 0).toBe(cell?.champion.ended);
  });

  it("counts units under way under the share at their assignment, and ends them there", () => {
    const slow = steady(20, { seconds: () => 20 });
    const { intervals } = rollout(slow, { lookEvery: 1 }, (looks) => ({ advance: looks > 100 }));
    const last = intervals.at(-1)!;
    expect(sum(last.requests, "champion", "pending")).toBeGreaterThan(20);
    const shares = new Set(intervals.slice(1).flatMap(({ requests }) => requests.map(({ share }) => share)));
    expect(shares).toEqual(new Set([0, 0.05, 0.25, 0.5]));
    // What was assigned before the step still ends under the old share for the 20 s that a request takes.
    const both = intervals.filter(
      ({ requests }) =>
        requests.some(({ share, champion }) => share === 0.05 && champion.ended > 0) &&
        requests.some(({ share, champion }) => share === 0.25 && champion.pending > 0),
    );
    expect(both.length).toBeGreaterThan(10);
  });

  it("tells of no units under way where it is to be wrong", () => {
    const slow = steady(4, { seconds: () => 20 });
    const none = rollout(slow, { feed: { ...CORRECT, isPendingTold: false } });
    expect(none.intervals.every(({ requests }) => sum(requests, "champion", "pending") === 0)).toBe(true);
  });

  it("shows a label when its prediction is as old as asked", () => {
    const world = steady(4, { labels: { wrong: () => 0.5, known: 1, delay: () => 1 } });
    const { intervals } = rollout(world, { lookEvery: 1 });
    const begun = intervals.filter(({ at }) => at > 1_700_000_000_000);
    const labels = begun.find(({ labels }) => sum(labels.accuracy ?? [], "challenger", "ended") > 0);
    expect(labels!.at).toBeGreaterThanOrEqual(1_700_000_000_000 + 30_000);
    const early = rollout(world, { lookEvery: 1, feed: { ...CORRECT, isLabelDue: false } });
    const first = early.intervals.find(({ labels }) => sum(labels.accuracy ?? [], "challenger", "ended") > 0);
    expect(first!.at).toBeLessThan(1_700_000_000_000 + 30_000);
  });

  it("takes the next step after ten units of the challenger, and is promoted at the last one only", () => {
    const { slipway } = rollout(
      steady(10, {}),
      {},
      () => ({ advance: true, verdict: "within-margin" }),
      5000,
    );
    expect(slipway.progress.step).toBe(2);
    expect(slipway.promotedAt).toBeGreaterThan(15);
    expect(slipway.isDone).toBe(true);
  });

  it("ends with a rollback, and goes on after a promotion only where it is asked to", () => {
    const worse = rollout(steady(10, {}), {}, (looks) => ({
      verdict: looks === 500 ? "worse" : "undecided",
      blamed: "errors",
    }));
    expect(worse.slipway).toMatchObject({ looks: 500, isDone: true, progress: { blamed: "errors" } });
    expect(worse.ended).toBe(worse.slipway.rolledBackAt);
    const on = rollout(
      steady(10, {}),
      { endsAtPromotion: false },
      () => ({ advance: true, verdict: "within-margin" }),
      300,
    );
    expect(on.slipway.promotedAt).not.toBeNull();
    expect(on.ended).toBe(300);
  });
});
