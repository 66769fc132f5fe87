import type { Alert } from "./rule.ts";

/**
 * Since when a rollout counts as new: counts only grow, and the largest of the day before outlasts a gap in the samples.
 * A state that was never had is no series: the same count times 0 stands for it.
 */
const ROLLED_BACK = 'slipway_rollouts{state="rolledback"}';
const NEW_ROLLBACK = `max by (service) (${ROLLED_BACK}) > (max by (service) (max_over_time(${ROLLED_BACK}[1d] offset 15m)) or max by (service) (${ROLLED_BACK}) * 0)`;

/** Of our own platform. Services that it serves itself; those of tenants' namespaces have rules of their own. */
export const SLIPWAY_ALERTS: readonly Alert[] = [
  {
    alert: "RolloutRolledBack",
    expr: NEW_ROLLBACK,
    severity: "warning",
    summary: "A version of {{ $labels.service }} was rolled back",
    description: "`slipway rollout show {{ $labels.service }}` shows on what evidence. The champion serves.",
  },
  {
    alert: "RolloutHeld",
    expr: 'max by (service) (slipway_rollouts{state="held"}) > 0',
    for: "5m",
    severity: "warning",
    summary: "A rollout of {{ $labels.service }} waits for somebody",
    description:
      "`slipway rollout show {{ $labels.service }}` says for what; `slipway resume {{ $labels.service }}` lets it go on.",
  },
  {
    alert: "PredictionsSlow",
    expr: "histogram_quantile(0.95, sum by (le, service) (rate(slipway_prediction_duration_seconds_bucket[5m]))) > 1",
    for: "5m",
    severity: "warning",
    summary: "Predictions of {{ $labels.service }} are slow",
    description: "The 95th percentile is above a second for five minutes.",
  },
  {
    alert: "PredictionsFail",
    expr: "sum by (service) (rate(slipway_predictions_failed_total[5m])) / sum by (service) (rate(slipway_predictions_finished_total[5m])) > 0.05",
    for: "5m",
    severity: "critical",
    summary: "Predictions of {{ $labels.service }} fail",
    description: "More than 5 per cent for five minutes: `slipway why` says which version, and how.",
  },
  {
    alert: "ServiceNotReady",
    expr: "max by (service) (slipway_service_ready) == 0",
    for: "2m",
    severity: "critical",
    summary: "{{ $labels.service }} can't answer",
    description: "Its champion has no worker that is ready: `slipway why service/{{ $labels.service }}`.",
  },
  {
    alert: "WorkersEnd",
    expr: "sum by (service, reason) (increase(slipway_worker_ends_total[15m])) > 3",
    severity: "warning",
    summary: "Workers of {{ $labels.service }} end: {{ $labels.reason }}",
    description: "More than three in fifteen minutes.",
  },
  {
    alert: "WritesRefused",
    expr: 'sum(rate(slipway_store_writes_total{result="refused"}[5m])) > 0',
    for: "5m",
    severity: "critical",
    summary: "Tracking refuses writes",
    description: "The queue is full, or the database away: training runs can't log.",
  },
  {
    alert: "PredictionsNotLogged",
    expr: "sum by (service) (increase(slipway_prediction_log_dropped_total[15m])) > 0",
    severity: "info",
    summary: "Predictions of {{ $labels.service }} miss in the log",
    description: "There was no room for them, or the disk failed: labels for them find nothing.",
  },
  {
    alert: "NobodyLeads",
    expr: "max(slipway_control_leads) == 0",
    for: "1m",
    severity: "critical",
    summary: "No control pod of Slipway leads",
    description:
      "Predictions go on; pushes, rollouts and tracking wait. The control pods' logs say what each waits for.",
  },
  {
    alert: "ProcessDown",
    expr: "min by (process) (max by (process, pod) (slipway_process_up)) == 0",
    for: "2m",
    severity: "critical",
    summary: "Slipway's {{ $labels.process }} doesn't answer",
    description: "Predictions go on; `kubectl logs` of it says why.",
  },
];
