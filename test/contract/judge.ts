import { describe, expect, it } from "vitest";
import type { ArmInterval, Cell, Interval, Judge, Judgement } from "../../src/rollout/judge.ts";
import type { RolloutPolicy } from "../../src/spec/project.ts";
import { binomial, random } from "../rollout/statistics/random.ts";

export const judgedPolicy: RolloutPolicy = {
  kind: "canary",
  shadow: null,
  fallback: false,
  watch: 600_000,
  guard: null,
  steps: [5, 25, 50],
  falseRollbackRate: 0.01,
  falsePromotionRate: 0.05,
  metrics: [{ name: "errors", worseBy: 0.005 }],
  deadline: 7_200_000,
  onNotEnoughData: "hold",
  approval: "none",
  onAliasSet: "rollout",
};

/** Ended units of one arm with nothing else known of them. */
export function ended(units: number, loss: number): ArmInterval {
  return { ended: units, loss, pending: 0, aborted: 0 };
}

export function intervalOf(at: number, requests: Cell[]): Interval {
  return { at, requests, labels: {} };
}

/** A stream of intervals with the two arms' true rates. */
export interface Stream {
  seed: number;
  p0: number;
  p1: number;
  margin?: number;
  share?: number;
  /** Units per interval and length of an interval in seconds. */
  units: number;
  seconds: number;
  intervals: number;
}

/** Looks after every interval until the judge decides or the stream ends. */
export function decideOn<State>(
  judge: Judge<State>,
  stream: Stream,
): { judgement: Judgement; seconds: number } {
  const draw = random(stream.seed);
  const policy = {
    ...judgedPolicy,
    steps: [10],
    metrics: [{ name: "errors" as const, worseBy: stream.margin ?? 0.005 }],
  };
  const share = stream.share ?? 0.1;
  let state = judge.start(policy, 0);
  let judgement = judge.judge(state, policy, 0);
  for (let i = 1; i <= stream.intervals; i++) {
    const challenger = binomial(draw, stream.units, share);
    const champion = stream.units - challenger;
    const cell: Cell = {
      share,
      champion: ended(champion, binomial(draw, champion, stream.p0)),
      challenger: ended(challenger, binomial(draw, challenger, stream.p1)),
    };
    state = judge.observe(state, intervalOf(i * stream.seconds * 1000, [cell]), policy);
    judgement = judge.judge(state, policy, 0);
    if (judgement.verdict !== "undecided") return { judgement, seconds: i * stream.seconds };
  }
  return { judgement, seconds: Infinity };
}

/** Share of streams that end in the verdict. */
export function rateOf<State>(
  judge: Judge<State>,
  verdict: Judgement["verdict"],
  times: number,
  stream: Omit<Stream, "seed">,
): number {
  let count = 0;
  for (let seed = 1; seed <= times; seed++) {
    if (decideOn(judge, { ...stream, seed }).judgement.verdict === verdict) count++;
  }
  return count / times;
}

/** Holds for every implementation of Judge. */
export function judgeContract<State>(name: string, create: () => Judge<State>): void {
  describe(`judge: ${name}`, () => {
    const judge = create();
    const small = { units: 800, seconds: 8, intervals: 60 };

    it("rarely takes out a challenger that is equal or exactly at its margin", () => {
      expect(rateOf(judge, "worse", 100, { ...small, p0: 0.01, p1: 0.01 })).toBeLessThanOrEqual(0.03);
      expect(rateOf(judge, "worse", 100, { ...small, p0: 0.01, p1: 0.015 })).toBeLessThanOrEqual(0.04);
      expect(rateOf(judge, "worse", 50, { ...small, p0: 0.002, p1: 0.007 })).toBeLessThanOrEqual(0.06);
    });

    it("rarely lets in a challenger exactly at its margin", () => {
      expect(rateOf(judge, "within-margin", 100, { ...small, p0: 0.01, p1: 0.015 })).toBeLessThanOrEqual(
        0.12,
      );
    });

    it("finds 1 to 50 % errors within few bad answers", () => {
      const bad = Array.from({ length: 40 }, (_, i) => {
        const stream = { p0: 0.01, p1: 0.5, units: 5, seconds: 0.05, intervals: 2000, seed: i + 1 };
        const { judgement } = decideOn(judge, stream);
        expect(judgement.verdict).toBe("worse");
        return judgement.metrics[0]?.challenger.loss ?? Infinity;
      });
      expect(bad.sort((a, b) => a - b)[20]).toBeLessThanOrEqual(6);
    });

    it("finds 1 to 5 % errors", () => {
      const seconds = Array.from(
        { length: 20 },
        (_, i) =>
          decideOn(judge, { units: 200, seconds: 2, intervals: 400, p0: 0.01, p1: 0.05, seed: i + 1 })
            .seconds,
      );
      expect(seconds.sort((a, b) => a - b)[10]).toBeLessThan(60);
    });

    it("promotes an equal version when there is enough traffic", () => {
      const stream = { p0: 0.01, p1: 0.01, share: 0.5, units: 800, seconds: 8, intervals: 100 };
      expect(rateOf(judge, "within-margin", 30, stream)).toBeGreaterThan(0.9);
    });

    it("knows nothing without traffic", () => {
      let state = judge.start(judgedPolicy, 0);
      for (let i = 1; i < 100; i++) state = judge.observe(state, intervalOf(i * 60_000, []), judgedPolicy);
      expect(judge.judge(state, judgedPolicy, 0)).toMatchObject({ verdict: "undecided", advance: false });
    });

    it("goes on from its stored state as if nothing had happened", () => {
      const interval = (i: number): Interval =>
        intervalOf(i * 1000, [{ share: 0.05, champion: ended(95, 1), challenger: ended(5, i % 2) }]);
      let lived = judge.start(judgedPolicy, 0);
      let stored = JSON.stringify(lived);
      for (let i = 1; i < 50; i++) {
        lived = judge.observe(lived, interval(i), judgedPolicy);
        stored = JSON.stringify(judge.observe(JSON.parse(stored) as State, interval(i), judgedPolicy));
      }
      expect(JSON.parse(stored)).toEqual(JSON.parse(JSON.stringify(lived)));
    });

    it("gives finite numbers however strong the evidence", () => {
      let state = judge.start(judgedPolicy, 0);
      const cell: Cell = {
        share: 0.5,
        champion: ended(1e6, 0),
        challenger: ended(1e6, 1e6),
      };
      for (let i = 1; i < 20; i++) state = judge.observe(state, intervalOf(i * 1000, [cell]), judgedPolicy);
      const judgement = judge.judge(state, judgedPolicy, 0);
      expect(judgement.verdict).toBe("worse");
      expect(JSON.parse(JSON.stringify(judgement))).toEqual(judgement);
      expect(JSON.parse(JSON.stringify(state))).toEqual(state);
    });
  });
}
