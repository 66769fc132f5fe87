import { expect, test } from "vitest";
import { TrafficMeter } from "../../src/rollout/traffic-meter.ts";
import { latencyBucket, type OutcomeCounter, type OutcomeReport } from "../../src/serving/outcomes.ts";

function counter(finished: number, more: Partial<OutcomeCounter> = {}): OutcomeCounter {
  return {
    service: "m",
    version: 1,
    epoch: "c1",
    share: 0,
    arm: "champion",
    incarnation: "i1",
    started: finished,
    finished,
    failed: 0,
    aborted: 0,
    fellBack: 0,
    latency: { counts: finished === 0 ? [] : [[latencyBucket(20), finished]], sum: finished * 20 },
    abortedLatency: { counts: [], sum: 0 },
    ...more,
  };
}

const report = (at: number, counters: OutcomeCounter[], incarnation = "i1"): OutcomeReport => ({
  at,
  incarnation,
  counters,
  shadows: [],
});

/** Ten minutes at a rate, one report every five seconds. */
function watched(perSecond: number, failed = 0): { meter: TrafficMeter; at: number; units: number } {
  const meter = new TrafficMeter();
  let units = 0;
  let at = 0;
  for (; at <= 600_000; at += 5000) {
    units = (perSecond * at) / 1000;
    meter.observe(report(at, [counter(units, { failed: units * failed })]));
  }
  return { meter, at: at - 5000, units };
}

test("requests/s, errors and percentiles are those of the counters", () => {
  const known = watched(20, 0.02).meter.of("m");
  expect(known?.requestsPerSecond).toBeCloseTo(20, 6);
  expect(known?.errorRate).toBeCloseTo(0.02, 6);
  expect(known?.latency?.p95).toBeGreaterThanOrEqual(20);
  expect(known?.latency?.p95).toBeLessThan(20 * 1.03);
});

test("what nobody watched tells no rate: a first report, and another service", () => {
  const meter = new TrafficMeter();
  meter.observe(report(0, [counter(100_000)]));
  expect(meter.of("m")).toBeUndefined();
  expect(meter.of("x")).toBeUndefined();
});

test("traffic that ended is forgotten within some ten minutes, its errors aren't", () => {
  const { meter, at, units } = watched(20, 0.02);
  for (let later = at + 5000; later <= at + 6_000_000; later += 5000)
    meter.observe(report(later, [counter(units, { failed: units * 0.02 })]));
  expect(meter.of("m")?.requestsPerSecond).toBeLessThan(0.01);
  expect(meter.of("m")?.errorRate).toBeCloseTo(0.02, 6);
});

test("a serve process that begins anew, a clock that jumps back and a cell that is dropped count nothing twice", () => {
  const { meter, at, units } = watched(20);
  meter.observe(report(at + 5000, [counter(50)], "i2"));
  meter.observe(report(at + 10_000, [counter(150)], "i2"));
  expect(meter.of("m")?.requestsPerSecond).toBeCloseTo(20, 0);
  meter.observe(report(0, [counter(150)], "i2"));
  meter.observe(report(5000, [counter(10)], "i2"));
  expect(meter.of("m")?.requestsPerSecond).toBeLessThanOrEqual(20.1);
  expect(units).toBe(12_000);
});

test("few answers leave the assumption that one in a hundred fails", () => {
  const meter = new TrafficMeter();
  meter.observe(report(0, []));
  meter.observe(report(5000, [counter(10)]));
  meter.observe(report(10_000, [counter(20)]));
  expect(meter.of("m")?.errorRate).toBeCloseTo(0.008, 6);
});

test("a sticky caller's later requests are no units, a challenger's answers are no champion's", () => {
  const meter = new TrafficMeter();
  const at = (time: number, n: number) =>
    meter.observe(
      report(time, [
        counter(n),
        counter(n * 9, { epoch: "c1~" }),
        counter(n, { arm: "challenger", version: 2, failed: n }),
      ]),
    );
  at(0, 0);
  for (let time = 5000; time <= 60_000; time += 5000) at(time, time / 100);
  expect(meter.of("m")?.requestsPerSecond).toBeCloseTo(20, 6);
  expect(meter.of("m")?.errorRate).toBe(0);
});

test("the number of services is bounded", () => {
  const meter = new TrafficMeter();
  for (let i = 0; i < 1100; i++) meter.observe(report(i, [counter(1, { service: `s${i}` })]));
  meter.observe(report(2000, [counter(2, { service: "s0" }), counter(2, { service: "s1099" })]));
  expect(meter.of("s500")).toBeDefined();
  expect(meter.of("s50")).toBeUndefined();
});
