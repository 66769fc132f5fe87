import { describe, expect, test } from "vitest";
import { forecast, remaining, type Traffic } from "../../src/rollout/statistics/forecast.ts";
import { createEProcessJudge } from "../../src/rollout/statistics/e-process-judge.ts";
import { latencyBucket } from "../../src/serving/outcomes.ts";
import type { RolloutPolicy } from "../../src/spec/project.ts";
import { binomial, random } from "./statistics/random.ts";

const POLICY: RolloutPolicy = {
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

interface Trial {
  policy: RolloutPolicy;
  perSecond: number;
  p0: number;
  p1: number;
  /** Seconds between two looks. */
  look: number;
}

/** Seconds until the judge decides, with the steps that it says on the way; errors or the one label metric. */
function simulate(
  { policy, perSecond, p0, p1, look }: Trial,
  seed: number,
): { verdict: string; seconds: number } {
  const judge = createEProcessJudge();
  const draw = random(seed);
  const [metric] = policy.metrics;
  let state = judge.start(policy, 0);
  let step = 0;
  for (let seconds = look; seconds < 1000 * look; seconds += look) {
    const share = (policy.steps[step] ?? 100) / 100;
    const units = Math.round(perSecond * look);
    const challenger = binomial(draw, units, share);
    const arm = (ended: number, rate: number) => ({
      ended,
      loss: binomial(draw, ended, rate),
      pending: 0,
      aborted: 0,
    });
    const cells = [{ share, champion: arm(units - challenger, p0), challenger: arm(challenger, p1) }];
    const isLabel = metric && "from" in metric;
    const requests = isLabel ? [] : cells;
    const labels = isLabel ? { [metric.name]: cells } : {};
    state = judge.observe(state, { at: seconds * 1000, requests, labels }, policy);
    const { verdict, advance } = judge.judge(state, policy, step);
    const isLast = step === policy.steps.length - 1;
    if (verdict === "worse" || (isLast && verdict === "within-margin")) return { verdict, seconds };
    if (!isLast && advance) step++;
  }
  return { verdict: "undecided", seconds: Infinity };
}

function median(trial: Trial, trials: number): number {
  const times = Array.from({ length: trials }, (_, seed) => simulate(trial, seed + 1).seconds);
  return times.sort((a, b) => a - b)[Math.floor(trials / 2)] as number;
}

const LABELS: RolloutPolicy["metrics"] = [{ name: "accuracy", from: "labels", worseBy: 0.05, within: 0 }];

/** Latencies drawn from a log-normal curve, counted in the buckets of the router. */
function simulateLatency(policy: RolloutPolicy, perSecond: number, slowdown: number, seed: number): number {
  const judge = createEProcessJudge({ maxLifeMs: 0 });
  const draw = random(seed);
  const normal = () => Math.sqrt(-2 * Math.log(1 - draw())) * Math.cos(2 * Math.PI * draw());
  const arm = (ended: number, factor: number) => {
    const counts = new Map<number, number>();
    for (let i = 0; i < ended; i++) {
      const bucket = latencyBucket(factor * 30 * Math.exp(0.5 * normal()));
      counts.set(bucket, (counts.get(bucket) ?? 0) + 1);
    }
    const latency = [...counts].sort(([a], [b]) => a - b);
    return { ended, loss: 0, pending: 0, aborted: 0, latency };
  };
  const before = [{ share: 0, champion: arm(2000, 1), challenger: arm(0, 1) }];
  let state = judge.start(policy, 0);
  state = judge.observe(state, { at: 0, requests: before, labels: {}, isBaseline: true }, policy);
  let step = 0;
  for (let seconds = 1; seconds < 1000; seconds++) {
    const share = (policy.steps[step] ?? 100) / 100;
    const challenger = binomial(draw, perSecond, share);
    const cells = [
      { share, champion: arm(perSecond - challenger, 1), challenger: arm(challenger, slowdown) },
    ];
    state = judge.observe(state, { at: seconds * 1000, requests: cells, labels: {} }, policy);
    const { verdict, advance } = judge.judge(state, policy, step);
    const isLast = step === policy.steps.length - 1;
    if (verdict === "worse" || (isLast && verdict === "within-margin")) return seconds;
    if (!isLast && advance) step++;
  }
  return Infinity;
}

const ONE_STEP = { ...POLICY, steps: [50] };
const WIDE = { ...POLICY, steps: [10], metrics: [{ name: "errors" as const, worseBy: 0.05 }] };
const BY_LABELS = { ...POLICY, metrics: LABELS };

describe("against the judge on random streams, the median is met to a factor of 1.5", () => {
  test.each<[string, Trial]>([
    ["1 %, half", { policy: ONE_STEP, perSecond: 100, p0: 0.01, p1: 0.01, look: 2 }],
    ["0.1 %, half", { policy: ONE_STEP, perSecond: 100, p0: 0.001, p1: 0.001, look: 1 }],
    ["1 %, all steps", { policy: POLICY, perSecond: 100, p0: 0.01, p1: 0.01, look: 2 }],
    ["1 %, all steps, slowly", { policy: POLICY, perSecond: 10, p0: 0.01, p1: 0.01, look: 20 }],
    ["labels, all steps", { policy: BY_LABELS, perSecond: 10, p0: 0.1, p1: 0.1, look: 5 }],
  ])("promotion of an equal version: %s", (_, trial) => {
    expectFactor(forecast(trial.policy, trafficOf(trial)).promotes / 1000, median(trial, 21));
  });

  test.each<[string, Trial]>([
    ["1 % to 2.5 %, all steps", { policy: POLICY, perSecond: 100, p0: 0.01, p1: 0.025, look: 2 }],
    [
      "1 % to 2.5 %, tenth",
      { policy: { ...POLICY, steps: [10] }, perSecond: 100, p0: 0.01, p1: 0.025, look: 4 },
    ],
    ["1 % to 16 %, tenth", { policy: WIDE, perSecond: 100, p0: 0.01, p1: 0.16, look: 0.2 }],
    ["labels, 10 % to 25 %", { policy: BY_LABELS, perSecond: 10, p0: 0.1, p1: 0.25, look: 5 }],
  ])("taking out one that is three margins worse: %s", (_, trial) => {
    expectFactor(forecast(trial.policy, trafficOf(trial)).takesOut / 1000, median(trial, 21));
  });
});

describe("latency, against the judge", () => {
  const policy: RolloutPolicy = {
    ...POLICY,
    metrics: [{ name: "latency", quantile: 0.95, worseBy: 0.2, floor: 0 }],
  };
  const traffic: Traffic = { requestsPerSecond: 100, errorRate: 0, latency: { p50: 30, p95: 68.3, p99: 96 } };
  const found = (slowdown: number): number =>
    Array.from({ length: 11 }, (_, seed) => simulateLatency(policy, 100, slowdown, seed + 1)).sort(
      (a, b) => a - b,
    )[5] as number;

  test("promotion of an equal version", () => {
    expectFactor(forecast(policy, traffic).promotes / 1000, found(1));
  });

  test("taking out one that is 60 % slower", () => {
    expectFactor(forecast(policy, traffic).takesOut / 1000, found(1.6));
  });
});

function trafficOf({ perSecond, p0 }: Trial): Traffic {
  return { requestsPerSecond: perSecond, errorRate: p0, labels: { perSecond, loss: p0 } };
}

function expectFactor(told: number, found: number): void {
  expect(told / found).toBeGreaterThan(1 / 1.5);
  expect(told / found).toBeLessThan(1.5);
}

test("at little traffic it says in which time the margin could be proven, and that it will hold", () => {
  const told = forecast(POLICY, { requestsPerSecond: 0.5, errorRate: 0.01 });
  expect(told.willHold).toBe(true);
  expect(told.sentences).toEqual([
    "at 0.5 requests/s a 0.5 pp margin of errors can't be proven in 2 h (about 7 h): it will hold",
    "at 0.5 requests/s a version that fails 2.5 % instead of 1 % is found after about 9 h, later than the deadline of 2 h",
  ]);
  const rolledBack = forecast(
    { ...POLICY, onNotEnoughData: "rollback" },
    { requestsPerSecond: 0.5, errorRate: 0.01 },
  );
  expect(rolledBack.sentences[0]).toContain("it will be rolled back");
});

test("at much traffic it says how soon an equal version is promoted and a worse one is out", () => {
  expect(forecast(POLICY, { requestsPerSecond: 1000, errorRate: 0.01 })).toMatchObject({
    willHold: false,
    sentences: [
      "at 1000 requests/s: an equal version is promoted after about 13 s",
      "at 1000 requests/s a version that fails 2.5 % instead of 1 % is out after about 16 s",
    ],
  });
});

test("without requests nothing is ever decided", () => {
  const told = forecast(POLICY, { requestsPerSecond: 0, errorRate: 0 });
  expect(told).toMatchObject({ promotes: Infinity, takesOut: Infinity, willHold: true });
  expect(told.sentences[0]).toContain("at 0 requests/s");
});

test("what isn't known of the traffic is said, and forecasts nothing", () => {
  const metrics: RolloutPolicy["metrics"] = [
    { name: "latency", quantile: 0.95, worseBy: 0.2, floor: 5 },
    { name: "accuracy", from: "labels", worseBy: 0.01, within: 0 },
  ];
  const told = forecast({ ...POLICY, metrics }, { requestsPerSecond: 100, errorRate: 0.01 });
  expect(told.metrics).toEqual([]);
  expect(told.sentences).toEqual([
    "how long requests take isn't known yet: nothing can be said about latency",
    "how many labels come isn't known yet: nothing can be said about accuracy, and without labels it will hold",
  ]);
});

test("a promotion is promised only where it follows by itself", () => {
  const traffic = { requestsPerSecond: 1000, errorRate: 0.01 };
  const said = (changes: Partial<RolloutPolicy>): string[] =>
    forecast({ ...POLICY, ...changes }, traffic).sentences;
  const equal = (changes: Partial<RolloutPolicy>): string | undefined =>
    said(changes).find((line) => line.includes("equal version"));
  expect(equal({ approval: "lead" })).toBe(
    "at 1000 requests/s: an equal version is within its margins after about 13 s; then it waits for the yes of lead",
  );
  const copiesOnly = { share: 100, for: null };
  expect(equal({ shadow: copiesOnly })).toMatch(
    /^after a person's `slipway approve`, at 1000 requests\/s an equal version is promoted after about /,
  );
  expect(equal({ shadow: copiesOnly, approval: "lead" })).toContain("; then it waits for the yes of lead");
  const labels = [...POLICY.metrics, ...LABELS];
  expect(equal({ metrics: labels })).toBe(
    "at 1000 requests/s: an equal version is within its margins of errors after about 13 s; " +
      "before it is promoted, accuracy must be too",
  );
  expect(said({ metrics: labels, onNotEnoughData: "promote", approval: "lead" })[0]).toContain(
    "and without labels it will wait for the yes of lead without evidence",
  );
  const blueGreen = said({ kind: "blue-green", steps: [], shadow: copiesOnly });
  expect(blueGreen[0]).toBe(
    "blue-green: takes over all at once after the copies and the yes of a person, unless they show it to be worse",
  );
  expect(said({ kind: "instant", steps: [], approval: "lead" })).toEqual([
    "instant: takes over all at once after its contract check and the yes of lead; nothing is compared with the champion",
  ]);
});

test("more traffic, a wider margin and a larger share are never slower; a shadow and a wait for labels take their time", () => {
  const at = (requestsPerSecond: number) => ({ requestsPerSecond, errorRate: 0.01 });
  const base = forecast(POLICY, at(50));
  expect(forecast(POLICY, at(100)).promotes).toBeLessThan(base.promotes);
  const wide = { ...POLICY, metrics: [{ name: "errors" as const, worseBy: 0.01 }] };
  expect(forecast(wide, at(50)).promotes).toBeLessThan(base.promotes);
  expect(forecast({ ...POLICY, steps: [50] }, at(50)).promotes).toBeLessThan(base.promotes);
  const shadowed = forecast({ ...POLICY, shadow: { share: 100, for: 600_000 } }, at(50));
  expect(shadowed.promotes).toBeGreaterThanOrEqual(600_000);
  expect(shadowed.takesOut).toBeLessThan(base.takesOut);
  const labels = { requestsPerSecond: 50, errorRate: 0, labels: { perSecond: 50, loss: 0.1 } };
  const late: RolloutPolicy["metrics"] = [
    { name: "accuracy", from: "labels", worseBy: 0.05, within: 600_000 },
  ];
  const now = forecast(BY_LABELS, labels);
  const waits = forecast({ ...POLICY, metrics: late }, labels).promotes - now.promotes;
  expect(waits).toBeGreaterThanOrEqual(600_000);
  expect(waits).toBeLessThan(1_800_000);
});

test("latency: a margin above the spread is soon proven, one below it isn't; the floor widens it", () => {
  const traffic: Traffic = { requestsPerSecond: 100, errorRate: 0, latency: { p50: 30, p95: 68, p99: 96 } };
  const by = (worseBy: number, floor = 0) =>
    forecast({ ...POLICY, metrics: [{ name: "latency", quantile: 0.95, worseBy, floor }] }, traffic);
  expect(by(0.5).promotes).toBeLessThan(by(0.1).promotes);
  expect(by(0.1, 34).promotes).toBeCloseTo(by(0.5).promotes, -3);
  expect(by(0.2).sentences.at(-1)).toMatch(
    /^at 100 requests\/s a version that is 60 % slower is out after about/,
  );
});

test("what takes over all at once has no forecast, and says so", () => {
  const told = forecast({ ...POLICY, kind: "blue-green", steps: [] }, { requestsPerSecond: 1, errorRate: 0 });
  expect(told).toMatchObject({ metrics: [], willHold: false });
  expect(told.sentences).toEqual([
    "blue-green: takes over all at once after its contract check; nothing is compared with the champion",
  ]);
});

test("a rollout that runs needs the less, the more its wealth is", () => {
  const traffic: Traffic = { requestsPerSecond: 10, errorRate: 0.01 };
  const at = (safety: number, step = 2) =>
    remaining(POLICY, traffic, { step, metrics: [{ metric: "errors", harm: 1, safety, advance: safety }] });
  const fresh = at(1);
  expect(at(10).promotes).toBeLessThan(fresh.promotes);
  expect(at(19).promotes).toBeLessThan(at(10).promotes);
  expect(at(0.1).promotes).toBeGreaterThan(fresh.promotes);
  expect(at(20).promotes).toBeLessThan(5000);
  expect(at(1, 0).promotes).toBeGreaterThan(fresh.promotes);
});
