import type { TestPlatform } from "../platform.ts";

/** Makes one of everything; answers a message with every field that a call of MLflow's API reads, all of them good. */
export async function furnish(platform: TestPlatform, round: number): Promise<Record<string, unknown>> {
  const { call, app } = platform;
  const model_name = `digits-${round}`;
  // A call before may have deleted it.
  await app.inject({
    method: "POST",
    url: "/api/2.0/mlflow/experiments/restore",
    payload: { experiment_id: "0" },
  });
  const { run } = await call<{ run: { info: { run_id: string } } }>("POST", "runs/create", {
    experiment_id: "0",
  });
  const { run_id } = run.info;
  const { model } = await call<{ model: { info: { model_id: string } } }>("POST", "logged-models", {
    experiment_id: "0",
    name: "net",
    source_run_id: run_id,
  });
  await call("POST", "registered-models/create", { name: model_name });
  await call("POST", "model-versions/create", {
    name: model_name,
    source: `mlflow-artifacts:/0/${run_id}/artifacts/model`,
    run_id,
  });
  await call("POST", "registered-models/alias", { name: model_name, alias: "best", version: "1" });
  const traceId = String(round).padStart(32, "0af7651916cd43dd8448eb211c80319c");
  const trace_id = `tr-${traceId}`;
  const trace_location = { type: "MLFLOW_EXPERIMENT", mlflow_experiment: { experiment_id: "0" } };
  const trace_info = { trace_id, trace_location, request_time: "2026-01-01T00:00:00Z", state: "OK" };
  await call("POST", "/api/3.0/mlflow/traces", { trace: { trace_info } });
  const { assessment } = await call<{ assessment: { assessment_id: string } }>(
    "POST",
    `/api/3.0/mlflow/traces/${trace_id}/assessments`,
    {
      assessment: {
        assessment_name: "good",
        trace_id,
        source: { source_type: "HUMAN", source_id: "me" },
        feedback: { value: true },
      },
    },
  );
  const { dataset } = await call<{ dataset: { dataset_id: string } }>(
    "POST",
    "/api/3.0/mlflow/datasets/create",
    {
      name: `questions-${round}`,
      experiment_ids: ["0"],
    },
  );
  const { webhook } = await call<{ webhook: { webhook_id: string } }>("POST", "webhooks", {
    name: "hook",
    url: "https://93.184.216.34/hook",
    events: [{ entity: "MODEL_VERSION", action: "CREATED" }],
  });
  const { dataset_id } = dataset;
  return {
    run_id,
    run_uuid: run_id,
    run_ids: [run_id],
    experiment_id: "0",
    experiment_ids: ["0"],
    experiment_name: "Default",
    name: model_name,
    model_name,
    model_id: model.info.model_id,
    model_type: "x",
    source_run_id: run_id,
    version: "1",
    alias: "best",
    stage: "Production",
    stages: ["Production"],
    archive_existing_versions: true,
    trace_id,
    request_id: trace_id,
    trace_ids: [trace_id],
    trace: { trace_info },
    trace_location,
    locations: [trace_location],
    prompt_versions: [{ name: model_name, version: "1" }],
    assessment_id: assessment.assessment_id,
    assessment,
    assessment_name: "good",
    update_mask: "feedback",
    dataset_id,
    dataset_ids: [dataset_id],
    dataset_record_ids: ["r"],
    records: [{ inputs: { question: "why" }, expectations: { answer: "so" }, tags: { a: "b" } }],
    webhook_id: webhook.webhook_id,
    url: "https://93.184.216.34/hook",
    events: [{ entity: "MODEL_VERSION", action: "CREATED" }],
    event: { entity: "MODEL_VERSION", action: "CREATED" },
    secret: "s",
    key: "k",
    tag_key: "k",
    value: "1",
    timestamp: 1,
    step: 0,
    steps: [0],
    start_step: 0,
    end_step: 5,
    metric_key: "k",
    metric_name: "trace_count",
    view_type: "ACTIVE_ONLY",
    run_view_type: "ACTIVE_ONLY",
    aggregations: [{ aggregation_type: "COUNT" }],
    dimensions: ["trace_name"],
    filters: ["trace.status = 'OK'"],
    time_interval_seconds: 60,
    start_time_ms: 1,
    end_time_ms: 2_000_000_000_000,
    status: "FINISHED",
    start_time: 1,
    end_time: 2,
    run_name: "some",
    user_id: "me",
    description: "d",
    artifact_location: "mlflow-artifacts:/9",
    source: `mlflow-artifacts:/0/${run_id}/artifacts/model`,
    run_link: "http://127.0.0.1/",
    path: "x",
    artifact_directory_path: "",
    artifact_file_path: "x",
    filter: "",
    filter_string: "",
    filter_string1: "trace.status = 'OK'",
    filter_string2: "trace.status = 'ERROR'",
    base_filter: "",
    order_by: [],
    max_results: 10,
    max_traces: 10,
    max_timestamp_millis: 1,
    request_ids: [trace_id],
    page_token: "",
    num_parts: 2,
    upload_id: "u",
    parts: [{ part_number: 1, etag: "e", url: "http://127.0.0.1/" }],
    expiration: 60,
    serialized_scorer: "{}",
    model_json: '{"model_uuid":"x"}',
    metrics: [{ key: "k", value: 1, timestamp: 1, step: 0 }],
    params: [{ key: "p", value: "v" }],
    tags: [{ key: "k", value: "v" }],
    models: [{ model_id: model.info.model_id, step: 0 }],
    datasets: [
      {
        dataset: { name: "d", digest: "1", source_type: "x", source: "y" },
        tags: [{ key: "a", value: "b" }],
      },
    ],
    ids: [dataset_id],
    resourceSpans: [
      {
        scopeSpans: [
          {
            spans: [
              {
                traceId,
                spanId: "b7ad6b7169203331",
                name: "work",
                startTimeUnixNano: "1",
                endTimeUnixNano: "2",
                attributes: [{ key: "a", value: { stringValue: "b" } }],
              },
            ],
          },
        ],
      },
    ],
  };
}

/** Names of fields to change; some are what the good message has, some are what nobody reads. */
export const NAMED: readonly string[] = [
  ..."run_id run_uuid experiment_id experiment_ids experiment_name name new_name model_name model_id version alias".split(
    " ",
  ),
  ..."stage stages trace_id trace_ids trace trace_location locations prompt_versions assessment assessment_id".split(
    " ",
  ),
  ..."update_mask dataset_id dataset_ids records url events secret status key value timestamp step start_step".split(
    " ",
  ),
  ..."end_step metric_key metric_name view_type run_view_type aggregations dimensions filters filter filter_string".split(
    " ",
  ),
  ..."filter_string1 filter_string2 base_filter order_by max_results max_traces max_timestamp_millis request_ids".split(
    " ",
  ),
  ..."page_token num_parts upload_id parts expiration serialized_scorer model_json metrics params tags models".split(
    " ",
  ),
  ..."datasets dataset user_id start_time end_time run_name source run_link description artifact_location path".split(
    " ",
  ),
  ..."source_run_id state event time_interval_seconds start_time_ms end_time_ms allow_partial resourceSpans".split(
    " ",
  ),
  ..."__proto__x constructor toString unknown_field".split(" "),
];
