import { get, head, patch, post, put } from "./calls.ts";
import type { Call } from "./pair.ts";

const folder = "/tmp/slipway-that-nobody-makes";
const model = { name: "L" };

/** Files in the clients' own file system: nothing of this is ever opened by a server. */
const local: Call[] = [
  post("experiments/create", { name: "local", artifact_location: `file://${folder}` }, { as: "e" }),
  get("experiments/get", { experiment_id: "$e" }),
  post("runs/create", { experiment_id: "$e", run_name: "r", start_time: 1 }, { as: "r" }),
  get("runs/get", { run_id: "$r" }),
  post("logged-models", { experiment_id: "$e", name: "lm", source_run_id: "$r" }, { as: "m" }),
  get("logged-models/$m"),
  post("experiments/create", { name: "plain", artifact_location: `${folder}/p` }, { as: "p" }),
  get("experiments/get", { experiment_id: "$p" }),
  post("runs/create", { experiment_id: "$p", run_name: "q", start_time: 1 }, { as: "q" }),
  ...[`${folder}#a`, `${folder};a`].map((artifact_location) =>
    post("experiments/create", { name: "no", artifact_location }, { ownWords: true }),
  ),
  post("registered-models/create", model),
  ...[
    { source: `file://${folder}/$r/artifacts`, run_id: "$r" },
    { source: `file://${folder}/$r/artifacts/model`, run_id: "$r" },
    { source: `file://${folder}/$r/artifacts/.`, run_id: "$r" },
    { source: `file://${folder}/$r/artifacts/model/..`, run_id: "$r" },
    { source: `${folder}/$r/artifacts/a%20b`, run_id: "$r" },
    { source: `${folder}/p/$q/artifacts`, run_id: "$q" },
    { source: `file://localhost${folder}/p/$q/artifacts/x`, run_id: "$q" },
    { source: `file://${folder}/models/$m/artifacts`, model_id: "$m" },
    { source: "models:/$m", model_id: "$m" },
    { source: `file://${folder}/$r/artifacts` },
    { source: `file://${folder}/$r/artifacts/..`, run_id: "$r" },
    { source: `file://${folder}/$r/artifacts/%2e%2e/x`, run_id: "$r" },
    { source: `file://${folder}/$r/artifactsx`, run_id: "$r" },
    { source: `${folder}/$r/artifacts`, run_id: "$q" },
    { source: `${folder}/$r/artifacts`, run_id: "0123456789abcdef0123456789abcdef" },
    { source: "/tmp", run_id: "$r" },
    { source: "/", run_id: "$r" },
    { source: "file:///etc", model_id: "$m" },
    { source: `mlflow-artifacts:/$e/$r/artifacts`, run_id: "$r" },
  ].map((fields) => post("model-versions/create", { ...model, ...fields })),
  post("model-versions/create", { ...model, source: "file://10.1.2.3/x", run_id: "$r" }, { ownWords: true }),
  get("model-versions/get-download-uri", { ...model, version: "2" }),
];

const FILES = "/api/2.0/mlflow-artifacts/artifacts";
const PAGES = "/ajax-api/2.0/mlflow";
const mlmodel = (run: string): string =>
  JSON.stringify({
    run_id: run,
    artifact_path: "model",
    utc_time_created: "2026-01-01 00:00:00.000000",
    flavors: { python_function: { loader_module: "x", env: "conda.yaml" } },
  });

/** What MLflow's pages and its clients in other languages call. */
const pages: Call[] = [
  post("experiments/create", { name: "pages" }, { as: "e" }),
  post("runs/create", { experiment_id: "$e", run_name: "r", start_time: 1 }, { as: "r" }),
  get("experiments/search", { filter: "name = 'pages'", max_results: 5 }),
  get("experiments/search", { max_results: 0 }),
  { ...post(`${PAGES}/upload-artifact?run_uuid=$r&path=notes/a.txt`), file: "hello" },
  { ...post(`${PAGES}/upload-artifact?run_uuid=$r`), file: "hello" },
  get("artifacts/list", { run_id: "$r" }),
  get("artifacts/list", { run_id: "$r", path: "notes" }),
  get("artifacts/list", { run_id: "$r", path: "../x" }),
  head(`${FILES}/$e/$r/artifacts/notes/a.txt`),
  head(`${FILES}/$e/$r/artifacts/notes/none.txt`),
  post("logged-models", { experiment_id: "$e", name: "lm", source_run_id: "$r" }, { as: "m" }),
  put(`${FILES}/$e/models/$m/artifacts/MLmodel`, "flavors: {}"),
  put(`${FILES}/$e/models/$m/artifacts/data/model.bin`, "0123456789"),
  get("logged-models/$m/artifacts/directories"),
  get("logged-models/$m/artifacts/directories", { artifact_directory_path: "data" }),
  get(`${PAGES}/logged-models/$m/artifacts/files`, { artifact_file_path: "MLmodel" }),
  get(`${PAGES}/logged-models/$m/artifacts/files`, { artifact_file_path: "../MLmodel" }),
  post("runs/log-model", { run_id: "$r", model_json: mlmodel("$r") }),
  post("runs/log-model", { run_id: "$r", model_json: "{}" }, { ownWords: true }),
  post("runs/log-inputs", {
    run_id: "$r",
    datasets: [
      {
        tags: [{ key: "mlflow.data.context", value: "training" }],
        dataset: { name: "d", digest: "x", source_type: "local", source: "s" },
      },
    ],
  }),
  post("experiments/search-datasets", { experiment_ids: ["$e"] }),
  post("runs/log-batch", {
    run_id: "$r",
    metrics: Array.from({ length: 9 }, (_, step) => ({
      key: "m",
      value: step / 2,
      timestamp: step + 1,
      step,
    })),
  }),
  get("metrics/get-history-bulk-interval", { run_ids: ["$r"], metric_key: "m", max_results: 4 }),
  get("metrics/get-history-bulk-interval", { run_ids: ["$r"], metric_key: "m", start_step: 2, end_step: 4 }),
  get(`${PAGES}/metrics/get-history-bulk`, { run_id: ["$r"], metric_key: "m" }),
  get(`${PAGES}/metrics/get-history-bulk`, { run_id: ["$r"], metric_key: "m", max_results: 2 }),
  post("registered-models/create", { name: "P" }),
  post("model-versions/create", { name: "P", source: "s3://bucket/x" }),
  get("registered-models/get-latest-versions", { name: "P" }),
  get("registered-models/get-latest-versions", { name: "P", stages: ["None", "Staging"] }),
  post("/ajax-api/3.0/mlflow/datasets/create", { name: "qa", experiment_ids: ["$e"] }, { as: "d" }),
  get("/ajax-api/3.0/mlflow/datasets/search", { experiment_ids: ["$e"] }),
];

const V3 = "/ajax-api/3.0/mlflow/traces";
const prompt = [{ key: "mlflow.prompt.is_prompt", value: "true" }];
const trace = (id: string, state: string, ms: number): object => ({
  trace: {
    trace_info: {
      trace_id: id,
      trace_location: { type: "MLFLOW_EXPERIMENT", mlflow_experiment: { experiment_id: "$e" } },
      request_time: "2026-01-01T00:00:00Z",
      execution_duration: `${ms / 1000}s`,
      state,
      tags: { "mlflow.traceName": id },
    },
  },
});

/** Traces as older clients log them, and what pages ask about them. */
const traces: Call[] = [
  post("experiments/create", { name: "traces" }, { as: "e" }),
  post(
    "traces",
    {
      experiment_id: "$e",
      timestamp_ms: 1000,
      request_metadata: [{ key: "source", value: "x" }],
      tags: [{ key: "a", value: "1" }],
    },
    { as: "t" },
  ),
  patch("traces/$t", {
    timestamp_ms: 1500,
    status: "OK",
    request_metadata: [{ key: "late", value: "y" }],
    tags: [{ key: "b", value: "2" }],
  }),
  get("traces/$t/info"),
  get("traces/tr-none/info"),
  get("traces", { experiment_ids: ["$e"], max_results: 5 }),
  get("traces", { experiment_ids: ["$e"], filter: "status = 'ERROR'" }),
  put(`${FILES}/$e/traces/$t/artifacts/traces.json`, '{"spans": []}'),
  get(`${PAGES}/get-trace-artifact`, { request_id: "$t" }),
  post(V3, trace("tr-one", "OK", 100)),
  post(V3, trace("tr-two", "ERROR", 300)),
  post(`${V3}/batchGetInfos`, { trace_ids: ["tr-one", "tr-two"] }),
  post(`${V3}/batchGetInfos`, { trace_ids: ["tr-none"] }),
  post("registered-models/create", { name: "hello", tags: prompt }),
  post("model-versions/create", { name: "hello", source: "dummy-source", tags: prompt }),
  post("traces/link-prompts", { trace_id: "tr-one", prompt_versions: [{ name: "hello", version: "1" }] }),
  post(`${V3}/metrics`, {
    experiment_ids: ["$e"],
    view_type: "TRACES",
    metric_name: "trace_count",
    aggregations: [{ aggregation_type: "COUNT" }],
    dimensions: ["trace_status"],
  }),
  post(`${V3}/metrics`, {
    experiment_ids: ["$e"],
    view_type: "TRACES",
    metric_name: "latency",
    aggregations: [{ aggregation_type: "MAX" }],
  }),
];

/** Further things that MLflow's server has a rule for. */
export const moreCases: Readonly<Record<string, Call[]>> = { local, pages, traces };
