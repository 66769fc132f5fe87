/** One metric that the platform emits. */
export interface MetricRow {
  type: "counter" | "gauge" | "histogram";
  /** Names of its labels; a histogram's `le` is not among them. */
  labels: readonly string[];
  /** Of its values, by Prometheus's base units; "1" counts things. */
  unit: "seconds" | "bytes" | "1" | "ratio";
  help: string;
  /** Which part of the platform knows it. */
  from: "serve" | "workers" | "rollouts" | "pipelines" | "store" | "processes" | "leader";
  /** It has no series until that is so; absent: it always has one once a service runs. */
  when?: string;
}

const SERVICE = ["service", "version"] as const;
const ARM = ["service", "version", "arm"] as const;

/**
 * Every metric that the platform emits. `/metrics` is written from this table and can't emit what isn't in it; the
 * reference page is made from it, and alert rules and boards are checked against it.
 */
export const METRICS = {
  slipway_build_info: {
    type: "gauge",
    labels: ["version"],
    unit: "1",
    help: "Always 1; the version of the platform is its label.",
    from: "processes",
  },
  slipway_process_up: {
    type: "gauge",
    labels: ["process"],
    unit: "1",
    help: "1 while the process (serve, control) answers, else 0.",
    from: "processes",
  },
  slipway_process_resident_memory_bytes: {
    type: "gauge",
    labels: ["process"],
    unit: "bytes",
    help: "Memory that the process (serve, control) has in use.",
    from: "processes",
  },
  slipway_process_cpu_seconds_total: {
    type: "counter",
    labels: ["process"],
    unit: "seconds",
    help: "Processor time that the process has used, in user and system mode.",
    from: "processes",
  },
  slipway_process_start_time_seconds: {
    type: "gauge",
    labels: ["process"],
    unit: "seconds",
    help: "When the process started, in seconds since the epoch.",
    from: "processes",
  },
  slipway_control_leads: {
    type: "gauge",
    labels: [],
    unit: "1",
    help: "1 while this control process leads, 0 while it follows another.",
    from: "leader",
    when: "there are several, in a cluster",
  },
  slipway_predictions_started_total: {
    type: "counter",
    labels: ARM,
    unit: "1",
    help: "Predictions assigned to a variant.",
    from: "serve",
    when: "a prediction was asked for",
  },
  slipway_predictions_finished_total: {
    type: "counter",
    labels: ARM,
    unit: "1",
    help: "Predictions answered, failed ones included.",
    from: "serve",
    when: "a prediction was asked for",
  },
  slipway_predictions_failed_total: {
    type: "counter",
    labels: ARM,
    unit: "1",
    help: "Answered with an error after assignment, or timed out.",
    from: "serve",
    when: "a prediction was asked for",
  },
  slipway_predictions_aborted_total: {
    type: "counter",
    labels: ARM,
    unit: "1",
    help: "Predictions whose caller went away first.",
    from: "serve",
    when: "a prediction was asked for",
  },
  slipway_predictions_fell_back_total: {
    type: "counter",
    labels: ARM,
    unit: "1",
    help: "Of the challenger's failed ones: answered by the champion instead.",
    from: "serve",
    when: "a prediction was asked for",
  },
  slipway_prediction_duration_seconds: {
    type: "histogram",
    labels: ARM,
    unit: "seconds",
    help: "Time from assignment to answer.",
    from: "serve",
    when: "a prediction was asked for",
  },
  slipway_prediction_requests_total: {
    type: "counter",
    labels: ["service", "version", "protocol", "status"],
    unit: "1",
    help: "Requests for predictions by HTTP status, refused ones included; gRPC's codes as the status they stand for, 499 a caller that left. Service and version are empty where none was found or chosen.",
    from: "serve",
    when: "a prediction was asked for",
  },
  slipway_prediction_queue_seconds: {
    type: "histogram",
    labels: SERVICE,
    unit: "seconds",
    help: "Time that a prediction waited for its worker and its turn, before the model ran.",
    from: "workers",
    when: "a worker has answered",
  },
  slipway_prediction_compute_seconds: {
    type: "histogram",
    labels: SERVICE,
    unit: "seconds",
    help: "Time of the model's run that answered a prediction.",
    from: "workers",
    when: "a worker has answered",
  },
  slipway_batch_requests: {
    type: "histogram",
    labels: SERVICE,
    unit: "1",
    help: "Requests that were joined in one run of the model.",
    from: "workers",
    when: "a worker has answered",
  },
  slipway_shadow_compared_total: {
    type: "counter",
    labels: SERVICE,
    unit: "1",
    help: "Requests that both the champion and the challenger, which got a copy, answered well.",
    from: "serve",
    when: "a challenger got copies",
  },
  slipway_shadow_differed_total: {
    type: "counter",
    labels: SERVICE,
    unit: "1",
    help: "Of the compared: with another prediction.",
    from: "serve",
    when: "a challenger got copies",
  },
  slipway_shadow_dropped_total: {
    type: "counter",
    labels: SERVICE,
    unit: "1",
    help: "Copies not sent because too many were under way.",
    from: "serve",
    when: "a challenger got copies",
  },
  slipway_trace_spans_total: {
    type: "counter",
    labels: ["result"],
    unit: "1",
    help: "Spans of predictions by what became of them: exported, or dropped because the collector didn't take them.",
    from: "serve",
    when: "tracing is on",
  },
  slipway_service_ready: {
    type: "gauge",
    labels: ["service"],
    unit: "1",
    help: "1 while the champion can answer (also one scaled to zero that would be started), else 0.",
    from: "serve",
  },
  slipway_service_traffic_ratio: {
    type: "gauge",
    labels: ARM,
    unit: "ratio",
    help: "Share of new requests that each arm gets, 0 to 1, as the rule in force says.",
    from: "serve",
  },
  slipway_workers: {
    type: "gauge",
    labels: ["service", "version", "state"],
    unit: "1",
    help: "Workers by state: starting, ready, backing-off (waits to be started again after it ended), stopping.",
    from: "workers",
  },
  slipway_worker_ends_total: {
    type: "counter",
    labels: ["service", "version", "reason"],
    unit: "1",
    help: "Workers that ended though nobody asked for it, by reason: over-memory, hung, load-failed, neighbour (another model in its process ended it), signal, exit.",
    from: "workers",
    when: "a worker ended by itself",
  },
  slipway_prediction_log_records_total: {
    type: "counter",
    labels: ["service"],
    unit: "1",
    help: "Requests that went to the prediction log.",
    from: "serve",
    when: "a request was chosen for the log",
  },
  slipway_prediction_log_dropped_total: {
    type: "counter",
    labels: ["service"],
    unit: "1",
    help: "Requests that were chosen for the prediction log and had no room in it, or met a disk that failed.",
    from: "serve",
    when: "a request was chosen for the log",
  },
  slipway_prediction_log_bytes: {
    type: "gauge",
    labels: ["service"],
    unit: "bytes",
    help: "Size of the prediction log's Parquet files.",
    from: "store",
  },
  slipway_rollouts: {
    type: "gauge",
    labels: ["service", "state"],
    unit: "1",
    help: "Rollouts by state, ended ones (promoted, rolledback, superseded) included.",
    from: "rollouts",
    when: "a version asked for traffic",
  },
  slipway_rollout_verdict: {
    type: "gauge",
    labels: ["service", "version", "metric", "verdict"],
    unit: "1",
    help: "1 for the latest verdict on each metric of the rollout under way: within-margin, worse, undecided.",
    from: "rollouts",
    when: "a rollout is under way and was judged",
  },
  slipway_pipeline_runs: {
    type: "gauge",
    labels: ["project", "state"],
    unit: "1",
    help: "Pipeline runs by state, ended ones (succeeded, failed, cancelled) included while they are kept.",
    from: "pipelines",
    when: "a pipeline has run",
  },
  slipway_pipeline_last_end_timestamp_seconds: {
    type: "gauge",
    labels: ["project", "state"],
    unit: "seconds",
    help: "When a pipeline run last ended so (succeeded, failed, cancelled), in seconds since the epoch.",
    from: "pipelines",
    when: "a pipeline run has ended",
  },
  slipway_store_writes_waiting: {
    type: "gauge",
    labels: [],
    unit: "1",
    help: "Writes of tracking, registry and controllers that wait for their commit, or are in it.",
    from: "store",
  },
  slipway_store_writes_total: {
    type: "counter",
    labels: ["result"],
    unit: "1",
    help: "Writes that ended: ok (durable), failed (the write's own error), refused (the queue was full, or the database away).",
    from: "store",
  },
  slipway_store_write_duration_seconds: {
    type: "histogram",
    labels: [],
    unit: "seconds",
    help: "Time from asking for a write to its durable commit.",
    from: "store",
  },
} as const satisfies Record<string, MetricRow>;

export type MetricName = keyof typeof METRICS;
