import { expect, test } from "vitest";
import { Exposition } from "../../src/monitoring/exposition.ts";
import { addOutcomes } from "../../src/serving/outcome-metrics.ts";
import { latencyBucket } from "../../src/serving/outcomes.ts";
import type { OutcomeCounter, ShadowCounter } from "../../src/serving/outcomes.ts";

function counter(epoch: string, started: number, more: Partial<OutcomeCounter> = {}): OutcomeCounter {
  return {
    service: "digits",
    version: 2,
    epoch,
    share: 0.1,
    arm: "challenger",
    incarnation: "one",
    started,
    finished: started,
    failed: 0,
    aborted: 0,
    fellBack: 0,
    latency: { counts: [], sum: 0 },
    abortedLatency: { counts: [], sum: 0 },
    ...more,
  };
}

function exposition(report: Parameters<typeof addOutcomes>[1]): string {
  const page = new Exposition();
  addOutcomes(page, report);
  return page.text();
}

const LABELS = 'service="digits",version="2",arm="challenger"';
const bucketLines = (lines: string[], le: string) =>
  lines.find((line) => line.startsWith(`slipway_prediction_duration_seconds_bucket{${LABELS},le="${le}"}`));

test("cells of one variant are added up over epochs, and histograms are cumulative up to +Inf", () => {
  const latency = (count: number) => ({
    counts: [
      [latencyBucket(1), count],
      [latencyBucket(60_000), 1],
    ] as [number, number][],
    sum: 500,
  });
  const counters = [
    counter("a", 10, { failed: 1, latency: latency(9) }),
    counter("b", 5, { failed: 2, fellBack: 1, latency: latency(4) }),
  ];
  const lines = exposition({ counters, shadows: [] }).split("\n");
  expect(lines).toContain(`slipway_predictions_started_total{${LABELS}} 15`);
  expect(lines).toContain(`slipway_predictions_failed_total{${LABELS}} 3`);
  expect(lines).toContain(`slipway_predictions_fell_back_total{${LABELS}} 1`);
  expect(bucketLines(lines, "0.0005")).toMatch(/ 0$/);
  expect(bucketLines(lines, "0.001")).toMatch(/ 13$/);
  expect(bucketLines(lines, "32.768")).toMatch(/ 13$/);
  expect(bucketLines(lines, "+Inf")).toMatch(/ 15$/);
  expect(lines).toContain(`slipway_prediction_duration_seconds_count{${LABELS}} 15`);
  expect(lines).toContain(`slipway_prediction_duration_seconds_sum{${LABELS}} 1`);
});

test("a latency is in the first bucket whose bound it doesn't pass, exactly at the bounds too", () => {
  for (const [milliseconds, within, beyond] of [
    [4, "0.004", "0.002"],
    [4.1, "0.008", "0.004"],
    [1024, "1.024", "0.512"],
  ] as const) {
    const latency = { counts: [[latencyBucket(milliseconds), 1]] as [number, number][], sum: 1 };
    const lines = exposition({ counters: [counter("a", 1, { latency })], shadows: [] }).split("\n");
    expect(bucketLines(lines, within)).toMatch(/ 1$/);
    expect(bucketLines(lines, beyond)).toMatch(/ 0$/);
  }
});

test("a backend's own coarser edges are never counted as faster than they are", () => {
  const latency = { counts: [[0, 3] as [number, number], [2, 1] as [number, number]], sum: 1 };
  const lines = exposition({
    counters: [counter("a", 4, { latency })],
    shadows: [],
    edges: [5, 10],
  }).split("\n");
  expect(bucketLines(lines, "0.004")).toMatch(/ 0$/);
  expect(bucketLines(lines, "0.008")).toMatch(/ 3$/);
  expect(bucketLines(lines, "32.768")).toMatch(/ 3$/);
  expect(bucketLines(lines, "+Inf")).toMatch(/ 4$/);
});

test("shadow comparisons are added up over epochs", () => {
  const shadow = (epoch: string): ShadowCounter => ({
    service: 'a"b',
    version: 3,
    epoch,
    incarnation: "one",
    compared: 10,
    differed: 2,
    dropped: 1,
    examples: [],
  });
  const shadows = [shadow("a"), shadow("b")];
  const lines = exposition({ counters: [], shadows }).split("\n");
  const labels = 'service="a\\"b",version="3"';
  expect(lines).toContain(`slipway_shadow_compared_total{${labels}} 20`);
  expect(lines).toContain(`slipway_shadow_differed_total{${labels}} 4`);
  expect(lines).toContain(`slipway_shadow_dropped_total{${labels}} 2`);
  expect(shadows[0]?.compared).toBe(10);
});
