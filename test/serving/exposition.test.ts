import { expect, test } from "vitest";
import { exposition } from "../../src/serving/exposition.ts";
import type { OutcomeCounter } from "../../src/serving/outcomes.ts";

function counter(epoch: string, started: number, failed: number): OutcomeCounter {
  return {
    service: "digits",
    version: 2,
    epoch,
    share: 0.1,
    arm: "challenger",
    incarnation: "one",
    started,
    finished: started,
    failed,
    aborted: 0,
    slower: {},
    latency: { le: [0.001, 0.01], counts: [started - 1, 0, 1], sum: 0.5 },
  };
}

test("cells of one variant are added up over epochs, and histograms are cumulative up to +Inf", () => {
  const lines = exposition([counter("a", 10, 1), counter("b", 5, 2)]).split("\n");
  const labels = 'service="digits",version="2",arm="challenger"';
  expect(lines).toContain(`slipway_predictions_started_total{${labels}} 15`);
  expect(lines).toContain(`slipway_predictions_failed_total{${labels}} 3`);
  expect(lines).toContain(`slipway_prediction_duration_seconds_bucket{${labels},le="0.001"} 13`);
  expect(lines).toContain(`slipway_prediction_duration_seconds_bucket{${labels},le="0.01"} 13`);
  expect(lines).toContain(`slipway_prediction_duration_seconds_bucket{${labels},le="+Inf"} 15`);
  expect(lines).toContain(`slipway_prediction_duration_seconds_count{${labels}} 15`);
  expect(lines).toContain(`slipway_prediction_duration_seconds_sum{${labels}} 1`);
  expect(lines.filter((line) => line.startsWith("# TYPE"))).toHaveLength(5);
});
