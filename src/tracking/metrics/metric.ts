import { invalid } from "../wire/errors.ts";
import { double, int64, optionalInt64, optionalString, string, type Fields } from "../wire/fields.ts";
import { storedDouble } from "../wire/json.ts";
import { checkName, LIMITS, within } from "../wire/limits.ts";

/** One point of a metric as the database keeps it. */
export interface MetricPoint {
  key: string;
  value: number;
  isNan: 0 | 1;
  timestamp: number | bigint;
  step: number | bigint;
  /** MLflow 3: the logged model and the dataset that it was measured with. */
  modelId: string | null;
  datasetName: string | null;
  datasetDigest: string | null;
}

/** Reads MLflow's Metric message; `path` is what messages call it within a batch, such as `metrics[0]`. */
export function metricPoint(fields: Fields, path = ""): MetricPoint {
  const key = checkName(string(fields, "key"), path === "" ? "name" : `${path}.name`);
  const value = double(fields, "value");
  const timestamp = int64(fields, "timestamp");
  if (timestamp < 0) {
    throw invalid(
      `Invalid value ${timestamp} for parameter '${path === "" ? "" : `${path}.`}timestamp' supplied: metric ` +
        `'${key}' (value=${value}). Timestamp must be a nonnegative long (64-bit integer) `,
    );
  }
  return {
    key: within(key, LIMITS.key, "Metric name"),
    ...storedDouble(value),
    timestamp,
    step: optionalInt64(fields, "step") ?? 0,
    modelId: optionalString(fields, "model_id") || null,
    datasetName: optionalString(fields, "dataset_name") || null,
    datasetDigest: optionalString(fields, "dataset_digest") || null,
  };
}

/** Which of two points is the latest: the higher step, then time, then value. NaN counts as 0, as it is kept. */
export function isLater(a: MetricPoint, b: MetricPoint): boolean {
  if (a.step !== b.step) return a.step > b.step;
  if (a.timestamp !== b.timestamp) return a.timestamp > b.timestamp;
  return a.value > b.value;
}
