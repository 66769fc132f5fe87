// FastTrackML's schema (0.6): runs are counted, a point says the how many-th it is, its context is the empty one that
// the server makes at its first start, and a run's name is no tag.
import { join } from "node:path";
import { fillBySql } from "./sql-fill.mjs";

const CONTEXT = 1;
const FIRST = 1;

/** @param {Record<string, number>} counts runs by experiment id */
export function fillFasttrackml(folder, counts) {
  fillBySql(join(folder, "fasttrackml.db"), counts, (into) => {
    const run = into(
      "runs",
      "run_uuid, name, source_type, source_name, entry_point_name, user_id, status, start_time, source_version, lifecycle_stage, artifact_uri, experiment_id, row_num",
    );
    const metric = into("metrics", "run_uuid, key, value, timestamp, step, is_nan, iter, context_id");
    const latest = into(
      "latest_metrics",
      "run_uuid, key, value, timestamp, step, is_nan, last_iter, context_id",
    );
    const param = into("params", "run_uuid, key, value_str");
    const tag = into("tags", "run_uuid, key, value");
    return ({ id, experiment, number, name, startTime, metrics, params, tags }) => {
      const uri = `file://${join(folder, "artifacts", String(experiment), id, "artifacts")}`;
      const [user, source] = ["mlflow.user", "mlflow.source.name"].map(
        (wanted) => tags.find(({ key }) => key === wanted)?.value ?? "",
      );
      run(id, name, "UNKNOWN", source, "", user, "RUNNING", startTime, "", "active", uri, experiment, number);
      for (const { key, value, timestamp, step } of metrics) {
        metric(id, key, value, timestamp, step, 0, FIRST, CONTEXT);
        latest(id, key, value, timestamp, step, 0, FIRST, CONTEXT);
      }
      for (const { key, value } of params) param(id, key, value);
      for (const { key, value } of tags) tag(id, key, value);
    };
  });
}
