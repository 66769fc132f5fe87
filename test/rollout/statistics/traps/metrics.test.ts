import { describe, expect, it } from "vitest";
import type { ArmInterval, Interval, Judgement } from "../../../../src/rollout/judge.ts";
import {
  createEProcessJudge,
  type EProcessState,
} from "../../../../src/rollout/statistics/e-process-judge.ts";
import { latencyBucket } from "../../../../src/serving/outcomes.ts";
import type { RolloutPolicy } from "../../../../src/spec/project.ts";
import {
  ALPHA,
  Cells,
  ended,
  ERRORS,
  intervalOf,
  LABELS,
  LATENCY,
  observed,
  policyOf,
  random,
  rateOver,
  rollsBack,
} from "./stream.ts";

const LIMIT = ALPHA + 0.04;
const errors = policyOf([ERRORS]);
const latency = policyOf([LATENCY]);
const judge = createEProcessJudge();

function judged(policy: RolloutPolicy, state: EProcessState): Judgement {
  return judge.judge(state, policy, 0);
}

function gauss(draw: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - draw())) * Math.cos(2 * Math.PI * draw());
}

describe("the threshold of what is slow", () => {
  /** Load makes both versions alike now quick, now slow; with `relative` the challenger is so much slower. */
  function latencies(seed: number, relative: number): { challenger: number[]; champion: number[] }[] {
    const draw = random(seed);
    return Array.from({ length: 120 }, (_, second) => {
      const load = 1 + 0.8 * Math.sin(second / 10);
      const times = { challenger: [] as number[], champion: [] as number[] };
      for (let i = 0; i < 60; i++) {
        const arm = draw() < 0.3 ? "challenger" : "champion";
        times[arm].push(40 * load * Math.exp(0.5 * gauss(draw)) * (arm === "challenger" ? relative : 1));
      }
      return times;
    });
  }

  function asInterval(times: { challenger: number[]; champion: number[] }, second: number): Interval {
    const armOf = (list: number[]): ArmInterval => ({
      ...ended(list.length, 0),
      latency: list.map((ms) => [latencyBucket(ms), 1]),
    });
    const cell = { share: 0.3, champion: armOf(times.champion), challenger: armOf(times.challenger) };
    return intervalOf((second + 1) * 1000, [cell]);
  }

  const ours = (seed: number, relative: number): boolean =>
    rollsBack(latency, latencies(seed, relative).map(asInterval));

  /** Slow is above the quantile of both versions' answers of the very interval that is judged. */
  function pooledAfter(seed: number, relative: number): boolean {
    const intervals = latencies(seed, relative).map(({ challenger, champion }, second) => {
      const pooled = [...challenger, ...champion].sort((a, b) => a - b);
      const tau = pooled[Math.floor(0.9 * pooled.length)] ?? 0;
      const cells = new Cells();
      for (const ms of champion) cells.add(0.3, "champion", ms > tau ? 1 : 0);
      // Its own threshold can't be told from pooled answers, so the margin is lost as well.
      for (const ms of challenger) cells.add(0.3, "challenger", ms > tau ? 1 : 0);
      return intervalOf((second + 1) * 1000, cells.list());
    });
    return rollsBack(policyOf([{ name: "errors", worseBy: 0.0001 }]), intervals);
  }

  it("is fixed before the request and swings with neither load nor the challenger; a pooled quantile takes out a version within its margin", () => {
    expect(rateOver(20, (seed) => ours(seed, 1.18))).toBeLessThanOrEqual(LIMIT);
    expect(rateOver(20, (seed) => pooledAfter(seed, 1.18))).toBeGreaterThan(0.5);
    expect(rateOver(10, (seed) => ours(seed, 1.8))).toBeGreaterThan(0.8);
  });
});

describe("callers who leave", () => {
  /** The challenger fails a tenth; callers of failing ones of it leave before the failure comes. */
  function seconds(seed: number): Interval[] {
    const draw = random(seed);
    return Array.from({ length: 120 }, (_, second) => {
      const cells = new Cells();
      for (let i = 0; i < 100; i++) {
        const arm = draw() < 0.3 ? "challenger" : "champion";
        const isBad = draw() < (arm === "challenger" ? 0.1 : 0.005);
        if (isBad && arm === "challenger") cells.arm(0.3, arm).aborted++;
        else cells.add(0.3, arm, isBad ? 1 : 0);
      }
      return intervalOf((second + 1) * 1000, cells.list());
    });
  }

  it("of one version only take it out and keep it from promotion; left out, they promote it", () => {
    const forgetful = seconds(1).map((interval) => ({
      ...interval,
      requests: interval.requests.map((cell) => ({
        ...cell,
        champion: { ...cell.champion, aborted: 0 },
        challenger: { ...cell.challenger, aborted: 0 },
      })),
    }));
    const ours = judged(errors, observed(errors, seconds(1)));
    expect(ours).toMatchObject({ verdict: "worse", blamed: "left", left: { champion: { loss: 0 } } });
    expect(ours.metrics[0]?.verdict).toBe("undecided");
    expect(ours.metrics[0]?.blockedBy).toBe("aborts-differ");
    expect(judged(errors, observed(errors, forgetful)).verdict).toBe("within-margin");
  });

  it("of both alike are left out and block nothing", () => {
    const alike = Array.from({ length: 200 }, (_, second) => {
      const arm = (units: number): ArmInterval => ({ ...ended(units, 0), aborted: units / 10 });
      return intervalOf((second + 1) * 1000, [{ share: 0.3, champion: arm(70), challenger: arm(30) }]);
    });
    const ours = judged(errors, observed(errors, alike));
    expect(ours.metrics[0]?.blockedBy).toBeUndefined();
    expect(ours.verdict).toBe("within-margin");
  });

  it("after they had waited past the threshold were slow; left out, a slow version looks quick", () => {
    const [quick, slow] = [latencyBucket(40), latencyBucket(400)];
    const seconds = (areTold: boolean): Interval[] =>
      Array.from({ length: 60 }, (_, second) => {
        const champion: ArmInterval = {
          ...ended(66, 0),
          latency: [
            [quick, 63],
            [slow, 3],
          ],
          aborted: 4,
          abortedLatency: [[quick, 4]],
        };
        const challenger: ArmInterval = {
          ...ended(18, 0),
          latency: [[quick, 18]],
          aborted: 12,
          abortedLatency: areTold ? [[slow, 12]] : [[quick, 12]],
        };
        return intervalOf((second + 1) * 1000, [{ share: 0.3, champion, challenger }]);
      });
    const harm = (areTold: boolean): number =>
      judged(latency, observed(latency, seconds(areTold))).metrics[0]!.harm;
    expect(harm(true)).toBeGreaterThan(100);
    expect(harm(false)).toBeLessThan(1);
  });

  /** They wait for 88 ms: longer than the champion's threshold, and shorter than the challenger's. */
  function impatient(seed: number, relative: number, isOfTime: (waited: number) => number): Interval[] {
    const draw = random(seed);
    return Array.from({ length: 60 }, (_, second) => {
      const champion: ArmInterval = { ...ended(0, 0), latency: [], abortedLatency: [] };
      const challenger: ArmInterval = { ...ended(0, 0), latency: [], abortedLatency: [] };
      for (let i = 0; i < (second === 0 ? 2000 : 100); i++) {
        const isChallengers = second > 0 && draw() < 0.3;
        const ms = 40 * Math.exp(0.5 * gauss(draw)) * (isChallengers ? relative : 1);
        const arm = isChallengers ? challenger : champion;
        if (ms > 88) {
          arm.aborted++;
          arm.abortedLatency!.push([latencyBucket(isChallengers ? isOfTime(88) : 88), 1]);
        } else {
          arm.ended++;
          arm.latency!.push([latencyBucket(ms), 1]);
        }
      }
      const cell = { share: second === 0 ? 0 : 0.3, champion, challenger };
      return { ...intervalOf(second * 1000, [cell]), isBaseline: second === 0 };
    });
  }

  function promotes(seed: number, relative: number, isOfTime: (waited: number) => number): boolean {
    const policy = policyOf([{ name: "latency", quantile: 0.95, worseBy: 0.2, floor: 0 }]);
    let state = judge.start(policy, 0);
    return impatient(seed, relative, isOfTime).some((interval) => {
      state = judge.observe(state, interval, policy);
      return judged(policy, state).verdict === "within-margin";
    });
  }

  it("between both thresholds don't make a slow version safe; left out, they do", () => {
    const told = (waited: number): number => waited;
    expect(rateOver(20, (seed) => promotes(seed, 1.3, told))).toBeLessThanOrEqual(0.05);
    expect(rateOver(20, (seed) => promotes(seed, 1.3, () => 1))).toBeGreaterThan(0.5);
    expect(rateOver(10, (seed) => promotes(seed, 1, told))).toBeGreaterThan(0.5);
  });
});

describe("labels", () => {
  /** Equal versions; but wrong answers of the challenger are labelled three times as often. */
  function seconds(seed: number, scheme: "alike" | "complaints"): Interval[] {
    const draw = random(seed);
    return Array.from({ length: 200 }, (_, second) => {
      const cells = new Cells();
      for (let i = 0; i < 60; i++) {
        const arm = draw() < 0.3 ? "challenger" : "champion";
        const loss = draw() < 0.3 ? 1 : 0;
        const chance = scheme === "complaints" && arm === "challenger" && loss === 1 ? 0.9 : 0.3;
        if (draw() < chance) cells.add(0.3, arm, loss);
      }
      return { at: (second + 1) * 1000, requests: [], labels: { accuracy: cells.list() } };
    });
  }
  const labels = policyOf([{ ...LABELS, worseBy: 0.05 }], { falseRollbackRate: 1e-6 });

  it("that come more often for one version say nothing; without that guard an equal version would be taken out", () => {
    const state = observed(labels, seconds(1, "complaints"));
    const ours = judged(labels, state);
    expect(ours.metrics[0]).toMatchObject({ blockedBy: "labels-differ", verdict: "undecided" });
    expect(ours.metrics[0]?.harm).toBeLessThanOrEqual(1);
    const metric = state.metrics["accuracy"]!;
    const blind = { ...state, metrics: { accuracy: { ...metric, arrival: null } } };
    expect(judged(labels, blind).verdict).toBe("worse");
  });

  it("that come alike aren't blocked", () => {
    const wide = { ...labels, metrics: [{ ...LABELS, worseBy: 0.1 }] };
    const ours = judged(wide, observed(wide, seconds(2, "alike")));
    expect(ours.metrics[0]?.blockedBy).toBeUndefined();
    expect(ours.verdict).toBe("within-margin");
  });
});

describe("fall-back, retries, warm-up and refusals before assignment", () => {
  /** What the serving side counts of a challenger that fails a fifth. */
  const seconds = (challenger: (draw: () => number) => number | null): Interval[] => {
    const draw = random(3);
    return Array.from({ length: 60 }, (_, second) => {
      const cells = new Cells();
      for (let i = 0; i < 50; i++) {
        if (draw() >= 0.3) cells.add(0.3, "champion", draw() < 0.01 ? 1 : 0);
        else {
          const loss = challenger(draw);
          if (loss !== null) cells.add(0.3, "challenger", loss);
        }
      }
      return intervalOf((second + 1) * 1000, cells.list());
    });
  };
  const verdictOf = (intervals: Interval[]): string => judged(errors, observed(errors, intervals)).verdict;

  it("a failure that the champion covered is the challenger's; counted by its answer it would be promoted", () => {
    expect(verdictOf(seconds((draw) => (draw() < 0.2 ? 1 : 0)))).toBe("worse");
    expect(verdictOf(seconds(() => 0))).toBe("within-margin");
  });

  it("our retry stays in its arm as one unit; counted only when a retry went well it would be promoted", () => {
    expect(verdictOf(seconds((draw) => (draw() < 0.2 ? 1 : 0)))).toBe("worse");
    expect(verdictOf(seconds((draw) => (draw() < 0.2 ? null : 0)))).toBe("within-margin");
  });

  it("units that weren't drawn (warm-up, before the rollout, by rule) don't enter the test, whatever they say", () => {
    const before = judge.start(errors, 0);
    const loud = [0, 1].map((share) => ({ share, champion: ended(50, 0), challenger: ended(50, 50) }));
    const after = judge.observe(before, intervalOf(1000, loud), errors);
    expect(judged(errors, after).harm).toBeCloseTo(1, 9);
    const drawn = loud.map((cell) => ({ ...cell, share: 0.3 }));
    expect(judged(errors, judge.observe(before, intervalOf(1000, drawn), errors)).verdict).toBe("worse");
  });

  it("the time before the rollout tells of the champion only", () => {
    const cell = { share: 0.3, champion: ended(900, 9), challenger: ended(50, 50) };
    const baseline = { ...intervalOf(1000, [cell]), isBaseline: true };
    const state = judge.observe(judge.start(errors, 0), baseline, errors);
    expect(judged(errors, state).harm).toBeCloseTo(1, 9);
    expect(judged(errors, state).metrics[0]?.challenger.units).toBe(0);
    expect(state.metrics["errors"]?.bets?.q0).toBeCloseTo(0.01, 2);
  });
});
