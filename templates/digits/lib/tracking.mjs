// Logging to the platform through MLflow's REST API. The platform gives every step MLFLOW_TRACKING_URI and
// MLFLOW_RUN_ID; the `mlflow` package of Python uses the same calls. Without them (steps run by hand on your
// own machine) nothing is logged.

const server = process.env.MLFLOW_TRACKING_URI;
const runId = process.env.MLFLOW_RUN_ID;
const token = process.env.MLFLOW_TRACKING_TOKEN;

async function send(method, path, body, type = "application/json") {
  const response = await fetch(new URL(path, server), {
    method,
    body,
    headers: { ...(body && { "content-type": type }), ...(token && { authorization: `Bearer ${token}` }) },
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${text.slice(0, 500)}`);
  return text;
}

const post = (call, body) => send("POST", `/api/2.0/mlflow/${call}`, JSON.stringify(body));

/** { name: value }, kept with the tracking run as text. */
export async function logParams(params) {
  if (!server) return;
  const entries = Object.entries(params).map(([key, value]) => ({ key, value: String(value) }));
  await post("runs/log-batch", { run_id: runId, params: entries });
}

/** { name: number }, at a step (an epoch) when the metric is a series. */
export async function logMetrics(metrics, step = 0) {
  if (!server) return;
  const timestamp = Date.now();
  const entries = Object.entries(metrics).map(([key, value]) => ({ key, value, timestamp, step }));
  await post("runs/log-batch", { run_id: runId, metrics: entries });
}

/** Uploads bytes as `path` below the tracking run's artifacts. */
export async function logArtifact(path, content) {
  if (!server) return;
  const answer = await send("GET", `/api/2.0/mlflow/runs/get?run_id=${runId}`);
  const uri = JSON.parse(answer).run.info.artifact_uri;
  const folder = uri.replace(/^mlflow-artifacts:\/+/, "");
  if (folder === uri) throw new Error(`this project uploads to mlflow-artifacts:/ only, not to ${uri}`);
  await send(
    "PUT",
    `/api/2.0/mlflow-artifacts/artifacts/${folder}/${path}`,
    content,
    "application/octet-stream",
  );
}
