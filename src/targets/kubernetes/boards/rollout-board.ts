import { boardFile } from "./board.ts";
import type { BoardFile } from "./board.ts";

const EVERY = "[$__rate_interval]";
const ARM = "service, version, arm";

/** The trial of versions, on one screen: what each arm got, how it did, and what was judged. */
export function rolloutBoard(): BoardFile {
  const started = `sum by (${ARM}) (rate(slipway_predictions_started_total${EVERY}))`;
  const legend = "{{service}} {{arm}} v{{version}}";
  return boardFile({
    name: "rollouts",
    folder: "Platform",
    title: "Rollouts",
    panels: [
      {
        title: "Rollouts under way",
        description: "By state; one that is held waits for somebody.",
        unit: "short",
        queries: [
          {
            expr: 'max by (service, state) (slipway_rollouts{state!~"promoted|rolledback|superseded"})',
            legend: "{{service}} {{state}}",
          },
        ],
      },
      {
        title: "Ended rollouts",
        description: "How many each service has had, by how they ended.",
        unit: "short",
        queries: [
          {
            expr: 'max by (service, state) (slipway_rollouts{state=~"promoted|rolledback|superseded"})',
            legend: "{{service}} {{state}}",
          },
        ],
      },
      {
        title: "Share of traffic",
        description: "Of new requests, as the rule in force says.",
        unit: "percentunit",
        max: 1,
        queries: [{ expr: `max by (${ARM}) (slipway_service_traffic_ratio)`, legend }],
      },
      {
        title: "Predictions",
        description: "A second, by arm: a share that was set is not a share that was had.",
        unit: "reqps",
        queries: [{ expr: started, legend }],
      },
      {
        title: "Failed",
        description: "Share of predictions that failed, by arm.",
        unit: "percentunit",
        queries: [
          {
            expr: `sum by (${ARM}) (rate(slipway_predictions_failed_total${EVERY})) / ${started}`,
            legend,
          },
        ],
      },
      {
        title: "Latency",
        description: "95 of 100 predictions are answered within, by arm.",
        unit: "s",
        queries: [
          {
            expr: `histogram_quantile(0.95, sum by (le, ${ARM}) (rate(slipway_prediction_duration_seconds_bucket${EVERY})))`,
            legend,
          },
        ],
      },
      {
        title: "Verdicts",
        description: "The latest on each metric of the rollout under way.",
        unit: "short",
        max: 1,
        queries: [
          {
            expr: "max by (service, version, metric, verdict) (slipway_rollout_verdict)",
            legend: "{{service}} v{{version}} {{metric}}: {{verdict}}",
          },
        ],
      },
      {
        title: "Answered by the champion instead",
        description: "Predictions a second that the challenger failed and the champion answered.",
        unit: "reqps",
        queries: [
          {
            expr: `sum by (service, version) (rate(slipway_predictions_fell_back_total${EVERY}))`,
            legend: "{{service}} v{{version}}",
          },
        ],
      },
    ],
  });
}
