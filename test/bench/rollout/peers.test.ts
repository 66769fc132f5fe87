import { describe, expect, it } from "vitest";
import { ArgoRollouts } from "../../../bench/rollout/peers/argo-rollouts.ts";
import { Flagger } from "../../../bench/rollout/peers/flagger.ts";
import { classify, Kayenta } from "../../../bench/rollout/peers/kayenta.ts";
import { mannWhitneyShift } from "../../../bench/rollout/peers/mann-whitney.ts";
import type { Decider, Request } from "../../../bench/rollout/play.ts";

function request(at: number, failed: boolean, latency = 50, point = 0): Request {
  const arm = point < 0.1 ? "challenger" : "champion";
  return {
    at,
    point,
    caller: -1,
    arm,
    share: 0.1,
    isUnit: true,
    endsAt: at,
    failed,
    aborted: false,
    latency,
    loss: 0,
    labelAt: Infinity,
  };
}

/** Ticks a rule until it decides, with what happens in each of its minutes. */
function run(
  rule: Decider,
  minute: (index: number, end: (failed: boolean, latency?: number, point?: number) => void) => void,
) {
  for (let i = 0; i < 200 && !rule.isDone; i++) {
    const at = i * 60;
    if (rule.nextTick <= at) rule.tick(at);
    if (!rule.isDone)
      minute(i, (failed, latency, point) => rule.ended(request(at + 59, failed, latency, point), at + 59));
  }
}

const times = (count: number, act: (i: number) => void) => Array.from({ length: count }, (_, i) => act(i));

describe("Flagger's rule", () => {
  it("raises the weight by 5 a minute and promotes after a good check at 50", () => {
    const rule = new Flagger();
    run(rule, (_, end) => times(100, () => end(false)));
    expect(rule).toMatchObject({ promotedAt: 600, rolledBackAt: null, failedChecks: 0 });
  });

  it("lets 99 % pass, not less, and rolls back a minute after the tenth failed check", () => {
    const good = new Flagger();
    run(good, (_, end) => times(100, (i) => end(i === 0)));
    expect(good.promotedAt).toBe(600);
    const bad = new Flagger();
    run(bad, (_, end) => times(100, (i) => end(i < 2)));
    expect(bad).toMatchObject({ rolledBackAt: 660, promotedAt: null, failedChecks: 10 });
    expect(bad.share).toBe(0.05);
  });

  it("counts no traffic as failed checks, and a 99th percentile above 500 ms", () => {
    const silent = new Flagger();
    run(silent, () => {});
    expect(silent.rolledBackAt).toBe(660);
    const slow = new Flagger();
    run(slow, (_, end) => times(100, (i) => end(false, i < 2 ? 900 : 50)));
    expect(slow.rolledBackAt).toBe(660);
  });

  it("never forgets a failed check", () => {
    const rule = new Flagger();
    run(rule, (i, end) => times(100, () => end(i % 2 === 0)));
    expect(rule.failedChecks).toBe(10);
    expect(rule.rolledBackAt).not.toBeNull();
  });
});

describe("Argo Rollouts' rule", () => {
  it("promotes after four pauses of ten minutes", () => {
    const rule = new ArgoRollouts(300);
    run(rule, (_, end) => times(20, () => end(false)));
    expect(rule).toMatchObject({ promotedAt: 2400, rolledBackAt: null, failed: 0 });
  });

  it("lets 95 % pass and aborts at the fourth failed measurement, the first one at 40 %", () => {
    const good = new ArgoRollouts(300);
    run(good, (_, end) => times(20, (i) => end(i === 0)));
    expect(good.promotedAt).toBe(2400);
    const bad = new ArgoRollouts(300);
    run(bad, (_, end) => times(20, (i) => end(i < 2)));
    expect(bad).toMatchObject({ rolledBackAt: 600 + 3 * 300, failed: 4 });
  });

  it("takes no traffic as a failed measurement", () => {
    const rule = new ArgoRollouts(15);
    run(rule, () => {});
    expect(rule.rolledBackAt).toBe(1500);
  });

  it("reads only its window", () => {
    const rule = new ArgoRollouts(15);
    // Failures early in each measurement's five minutes, good answers in the last one.
    run(rule, (i, end) => times(10, () => end(i % 5 !== 4)));
    expect(rule.failed).toBe(0);
  });
});

describe("Kayenta's rule", () => {
  it("estimates the shift as Hodges and Lehmann do, in an interval that mirrors when the samples change places", () => {
    // The depression scores of R's example for wilcox.test.
    const x = [1.83, 0.5, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.3];
    const y = [0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29];
    const shift = mannWhitneyShift(x, y, 0.95)!;
    expect(shift.low).toBeLessThan(shift.estimate);
    expect(shift.estimate).toBeLessThan(shift.high);
    // Hodges-Lehmann: the median of all differences, up to the root finder's accuracy and the ties around it.
    const differences = x.flatMap((a) => y.map((b) => a - b)).sort((a, b) => a - b);
    expect(shift.estimate).toBeCloseTo(differences[40]!, 1);
    const mirrored = mannWhitneyShift(y, x, 0.95)!;
    expect(mirrored.low).toBeCloseTo(-shift.high, 1);
    expect(mirrored.high).toBeCloseTo(-shift.low, 1);
  });

  it("calls a clear rise high, and equal, falling or absent data not", () => {
    const low = Array.from({ length: 60 }, (_, i) => 1 + (i % 7) / 10);
    const high = low.map((value) => value * 3);
    expect(classify(high, low)).toBe("high");
    expect(classify(low, high)).toBe("pass");
    expect(classify(low, [...low].reverse())).toBe("pass");
    expect(classify([0, 0, 0], [0, 0])).toBe("pass");
    expect(classify([], low)).toBe("nodata");
  });

  const noisy = (i: number) => 40 + ((i * 37) % 21);

  it("promotes an equal version after three runs of an hour and fails a worse one after the first", () => {
    const equal = new Kayenta();
    run(equal, (i, end) =>
      times(20, (j) => {
        end(j === i % 20, noisy(i + j), 0.05);
        end(j === (i + 7) % 20, noisy(i * 3 + j), 0.15);
      }),
    );
    expect(equal).toMatchObject({ promotedAt: 3 * 3600, rolledBackAt: null });
    const worse = new Kayenta();
    run(worse, (i, end) =>
      times(20, (j) => {
        end(j < 5 + (i % 3), noisy(i + j), 0.05);
        end(j === (i + 7) % 20, noisy(i * 3 + j), 0.15);
      }),
    );
    expect(worse.rolledBackAt).toBe(3600);
  });

  it("compares with a baseline as large as the canary, not with all of production", () => {
    const rule = new Kayenta();
    // Production beyond the baseline fails always; that must not matter.
    run(rule, (i, end) =>
      times(20, (j) => {
        end(false, noisy(i + j), 0.05);
        end(false, noisy(i * 3 + j), 0.15);
        end(true, 5000, 0.6);
      }),
    );
    expect(rule.promotedAt).toBe(3 * 3600);
  });
});
