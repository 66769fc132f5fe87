// Sample runs written into the database file of a stopped `mlflow server`, in its own schema (3.17): one transaction.
import { join } from "node:path";
import { DatabaseSync } from "@photostructure/sqlite";
import { sampleRun } from "../sample-runs.mjs";

/** @param {Record<string, number>} counts runs by experiment id */
export function fillMlflow(folder, counts) {
  const db = new DatabaseSync(join(folder, "mlflow.db"));
  try {
    const insert = (table, columns) =>
      db.prepare(`INSERT INTO ${table} (${columns}) VALUES (${columns.split(",").map(() => "?")})`);
    const into = {
      runs: insert(
        "runs",
        "run_uuid, name, source_type, user_id, status, start_time, lifecycle_stage, artifact_uri, experiment_id",
      ),
      metrics: insert("metrics", "run_uuid, key, value, timestamp, step, is_nan"),
      latest: insert("latest_metrics", "run_uuid, key, value, timestamp, step, is_nan"),
      params: insert("params", "run_uuid, key, value"),
      tags: insert("tags", "run_uuid, key, value"),
    };
    db.exec("BEGIN");
    for (const [experiment, count] of Object.entries(counts))
      for (let index = 0; index < count; index++) insertRun(into, experiment, index);
    db.exec("COMMIT");
  } finally {
    db.close();
  }
}

function insertRun(into, experiment, index) {
  const { name, startTime, metrics, params, tags } = sampleRun(index);
  const id = `${experiment.padStart(8, "0")}${index.toString(16).padStart(24, "0")}`;
  const uri = `mlflow-artifacts:/${experiment}/${id}/artifacts`;
  into.runs.run(id, name, "UNKNOWN", "", "RUNNING", startTime, "active", uri, Number(experiment));
  for (const { key, value, timestamp, step } of metrics) {
    into.metrics.run(id, key, value, timestamp, step, 0);
    into.latest.run(id, key, value, timestamp, step, 0);
  }
  for (const { key, value } of params) into.params.run(id, key, value);
  for (const { key, value } of [...tags, { key: "mlflow.runName", value: name }])
    into.tags.run(id, key, value);
}
