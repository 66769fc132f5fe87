/** What the metrics of traces are about. */
export type ViewType = "TRACES" | "SPANS" | "ASSESSMENTS";

export const AGGREGATIONS = ["COUNT", "SUM", "AVG", "PERCENTILE", "MIN", "MAX"] as const;
export type AggregationType = (typeof AGGREGATIONS)[number];

export interface Metric {
  /** What is added up; rows where it is NULL don't count. */
  expression: string;
  aggregations: readonly AggregationType[];
  /** Names of the view's dimensions. */
  dimensions: readonly string[];
}

export interface View {
  /** Rows, with the traces as `r`. */
  from: string;
  /** The time by which rows are put into buckets, in milliseconds since the epoch. */
  time: string;
  /** Columns to group by. */
  dimensions: Readonly<Record<string, string>>;
  metrics: Readonly<Record<string, Metric>>;
}

const SPREAD: readonly AggregationType[] = ["AVG", "MIN", "MAX", "PERCENTILE"];
const SUMS: readonly AggregationType[] = ["SUM", ...SPREAD];

const tokens = (column: string): Metric => ({
  expression: `r.${column}`,
  aggregations: SUMS,
  dimensions: ["trace_name"],
});
const cost = (column: string): Metric => ({
  expression: `s.${column}`,
  aggregations: SUMS,
  dimensions: ["span_model_name", "span_model_provider"],
});

/** MLflow's metrics by view, with what each of them can be asked for. */
export const VIEWS: Readonly<Record<ViewType, View>> = {
  TRACES: {
    from: "traces r",
    time: "r.request_time",
    dimensions: { trace_name: "r.name", trace_status: "r.state" },
    metrics: {
      trace_count: {
        expression: "r.tid",
        aggregations: ["COUNT"],
        dimensions: ["trace_name", "trace_status"],
      },
      session_count: { expression: "DISTINCT r.session_id", aggregations: ["COUNT"], dimensions: [] },
      latency: { expression: "r.execution_ms", aggregations: SPREAD, dimensions: ["trace_name"] },
      input_tokens: tokens("input_tokens"),
      output_tokens: tokens("output_tokens"),
      total_tokens: tokens("total_tokens"),
      cache_read_input_tokens: tokens("cache_read_input_tokens"),
      cache_creation_input_tokens: tokens("cache_creation_input_tokens"),
    },
  },
  SPANS: {
    from: "traces r JOIN spans s ON s.tid = r.tid",
    time: "s.start_ns / 1000000",
    dimensions: {
      span_name: "s.name",
      span_type: "s.type",
      span_status: "s.status",
      span_model_name: "s.model_name",
      span_model_provider: "s.model_provider",
    },
    metrics: {
      span_count: {
        expression: "s.tid",
        aggregations: ["COUNT"],
        dimensions: ["span_name", "span_type", "span_status", "span_model_name", "span_model_provider"],
      },
      latency: {
        expression: "(s.end_ns - s.start_ns) / 1000000",
        aggregations: SPREAD,
        dimensions: ["span_name", "span_status"],
      },
      input_cost: cost("input_cost"),
      output_cost: cost("output_cost"),
      total_cost: cost("total_cost"),
    },
  },
  ASSESSMENTS: {
    // One that has been overridden doesn't count.
    from: "traces r JOIN assessments a ON a.tid = r.tid AND a.valid = 1",
    time: "r.request_time",
    dimensions: { assessment_name: "a.name", assessment_value: "a.value" },
    metrics: {
      assessment_count: {
        expression: "a.tid",
        aggregations: ["COUNT"],
        dimensions: ["assessment_name", "assessment_value"],
      },
      assessment_value: { expression: "a.number", aggregations: SPREAD, dimensions: ["assessment_name"] },
    },
  },
};
