// mlflow's schema (3.17).
import { join } from "node:path";
import { fillBySql } from "./sql-fill.mjs";

/** @param {Record<string, number>} counts runs by experiment id */
export function fillMlflow(folder, counts) {
  fillBySql(join(folder, "mlflow.db"), counts, (into) => {
    const run = into(
      "runs",
      "run_uuid, name, source_type, user_id, status, start_time, lifecycle_stage, artifact_uri, experiment_id",
    );
    const metric = into("metrics", "run_uuid, key, value, timestamp, step, is_nan");
    const latest = into("latest_metrics", "run_uuid, key, value, timestamp, step, is_nan");
    const param = into("params", "run_uuid, key, value");
    const tag = into("tags", "run_uuid, key, value");
    return ({ id, experiment, name, startTime, metrics, params, tags }) => {
      const uri = `mlflow-artifacts:/${experiment}/${id}/artifacts`;
      run(id, name, "UNKNOWN", "", "RUNNING", startTime, "active", uri, experiment);
      for (const { key, value, timestamp, step } of metrics) {
        metric(id, key, value, timestamp, step, 0);
        latest(id, key, value, timestamp, step, 0);
      }
      for (const { key, value } of params) param(id, key, value);
      for (const { key, value } of [...tags, { key: "mlflow.runName", value: name }]) tag(id, key, value);
    };
  });
}
