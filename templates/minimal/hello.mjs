// One step: writes the output that slipway.yaml promises and logs one metric to the platform.
import { writeFileSync } from "node:fs";

writeFileSync("hello.txt", "hello from __NAME__\n");

const { MLFLOW_TRACKING_URI: server, MLFLOW_RUN_ID: runId, MLFLOW_TRACKING_TOKEN: token } = process.env;
if (server) {
  const response = await fetch(new URL("/api/2.0/mlflow/runs/log-metric", server), {
    method: "POST",
    headers: { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) },
    body: JSON.stringify({ run_id: runId, key: "greetings", value: 1, timestamp: Date.now(), step: 0 }),
  });
  if (!response.ok) throw new Error(`logging failed: ${response.status} ${await response.text()}`);
}
console.log("hello");
