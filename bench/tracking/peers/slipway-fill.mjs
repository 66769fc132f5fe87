// This platform's schema, as src/tracking/schema.ts has it.
import { join } from "node:path";
import { fillBySql } from "./sql-fill.mjs";

/** @param {Record<string, number>} counts runs by experiment id */
export function fillSlipway(folder, counts) {
  fillBySql(join(folder, "data", "slipway.db"), counts, (into) => {
    const run = into(
      "runs",
      "run_id, experiment_id, run_name, user_id, status, start_time, artifact_uri, lifecycle_stage, workspace",
    );
    const metric = into("metrics", "rid, key, timestamp, step, value, is_nan");
    const latest = into("latest_metrics", "rid, key, timestamp, step, value, is_nan, experiment_id");
    const param = into("params", "rid, key, value, experiment_id");
    const tag = into("tags", "rid, key, value, experiment_id");
    return ({ id, experiment, name, startTime, metrics, params, tags }) => {
      const uri = `mlflow-artifacts:/${experiment}/${id}/artifacts`;
      const { lastInsertRowid: rid } = run(
        id,
        experiment,
        name,
        "",
        "RUNNING",
        startTime,
        uri,
        "active",
        "default",
      );
      for (const { key, value, timestamp, step } of metrics) {
        metric(rid, key, timestamp, step, value, 0);
        latest(rid, key, timestamp, step, value, 0, experiment);
      }
      for (const { key, value } of params) param(rid, key, value, experiment);
      for (const { key, value } of [...tags, { key: "mlflow.runName", value: name }])
        tag(rid, key, value, experiment);
    };
  });
}
