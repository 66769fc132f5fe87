import { parsed } from "../../src/tracking/wire/parse.ts";

/** Fills a real MLflow server by its REST API with everything that an import must bring. */

export interface Filled {
  experiments: { active: string; deleted: string; empty: string };
  /** In the order in which they were made. */
  runs: { full: string; deleted: string; running: string; many: string[] };
  loggedModel: string;
  traceId: string;
}

const AGENT = "slipway-test";

/** A call of a server's REST API; throws with what it said. */
export async function call<Answer = Record<string, unknown>>(
  url: string,
  method: string,
  path: string,
  fields: object = {},
): Promise<Answer> {
  const query = new URLSearchParams();
  if (method === "GET") {
    for (const [name, value] of Object.entries(fields))
      for (const one of Array.isArray(value) ? value : [value]) query.append(name, String(one));
  }
  const answer = await fetch(`${url}/api/${path}${method === "GET" ? `?${query}` : ""}`, {
    method,
    headers: { "content-type": "application/json", "user-agent": AGENT },
    ...(method === "GET" ? {} : { body: JSON.stringify(fields) }),
    signal: AbortSignal.timeout(60_000),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text.slice(0, 300)}`);
  return parsed(text) as Answer;
}

export async function upload(url: string, path: string, body: string | Uint8Array): Promise<void> {
  const answer = await fetch(`${url}/api/2.0/mlflow-artifacts/artifacts/${path}`, {
    method: "PUT",
    body: body as string,
  });
  if (!answer.ok) throw new Error(`PUT ${path}: ${answer.status}`);
}

const START = 1_700_000_000_000;

export async function newRun(url: string, experimentId: string, name: string, at: number): Promise<string> {
  const { run } = await call<{ run: { info: { run_id: string } } }>(url, "POST", "2.0/mlflow/runs/create", {
    experiment_id: experimentId,
    start_time: at,
    user_id: "ana",
    run_name: name,
    tags: [{ key: "mlflow.user", value: "ana" }],
  });
  return run.info.run_id;
}

export async function fill(url: string, manyRuns: number): Promise<Filled> {
  const post = <Answer = Record<string, unknown>>(path: string, fields: object): Promise<Answer> =>
    call<Answer>(url, "POST", path, fields);
  const experiment = async (name: string): Promise<string> =>
    (
      await post<{ experiment_id: string }>("2.0/mlflow/experiments/create", {
        name,
        tags: [{ key: "team", value: "größer" }],
      })
    ).experiment_id;
  const active = await experiment("churn");
  const deleted = await experiment("old ideas");
  const empty = await experiment("empty");

  const full = await newRun(url, active, "full", START);
  const points = Array.from({ length: 1000 }, (_, step) => ({
    key: "loss",
    value: 1 / (step + 1),
    timestamp: START + step,
    step,
  }));
  await post("2.0/mlflow/runs/log-batch", { run_id: full, metrics: points });
  await post("2.0/mlflow/runs/log-batch", {
    run_id: full,
    metrics: [
      { key: "odd", value: "NaN", timestamp: START, step: 0 },
      { key: "odd", value: "Infinity", timestamp: START, step: -1 },
      { key: "odd", value: "-Infinity", timestamp: START + 1, step: 2 },
      { key: "a/b c", value: 0.1, timestamp: START, step: 7 },
    ],
    params: [
      { key: "depth", value: "6" },
      { key: "long", value: "x".repeat(6000) },
    ],
    tags: [{ key: "note", value: "Übergröße \u{1f600}\nline" }],
  });
  await post("2.0/mlflow/runs/log-inputs", {
    run_id: full,
    datasets: [
      {
        tags: [{ key: "mlflow.data.context", value: "train" }],
        dataset: {
          name: "data",
          digest: "abc",
          source_type: "local",
          source: "{}",
          schema: "{}",
          profile: "{}",
        },
      },
    ],
  });
  const { model } = await post<{ model: { info: { model_id: string } } }>("2.0/mlflow/logged-models", {
    experiment_id: active,
    name: "forest",
    source_run_id: full,
    model_type: "classifier",
    params: [{ key: "trees", value: "10" }],
    tags: [{ key: "kind", value: "forest" }],
  });
  const loggedModel = model.info.model_id;
  await call(url, "PATCH", `2.0/mlflow/logged-models/${loggedModel}`, {
    model_id: loggedModel,
    status: "LOGGED_MODEL_READY",
  });
  await post("2.0/mlflow/runs/outputs", { run_id: full, models: [{ model_id: loggedModel, step: 3 }] });
  await post("2.0/mlflow/runs/log-metric", {
    run_id: full,
    key: "accuracy",
    value: 0.9,
    timestamp: START + 5,
    step: 1,
    model_id: loggedModel,
    dataset_name: "data",
    dataset_digest: "abc",
  });
  await upload(url, `${active}/models/${loggedModel}/artifacts/MLmodel`, "flavors: {}\n");
  await upload(url, `${active}/${full}/artifacts/plots/ä b.txt`, "hello");
  await upload(url, `${active}/${full}/artifacts/empty.bin`, "");
  await upload(url, `${active}/${full}/artifacts/model/weights.bin`, new Uint8Array(3_000_000).fill(7));
  await post("2.0/mlflow/runs/update", { run_id: full, status: "FINISHED", end_time: START + 9000 });

  const gone = await newRun(url, active, "gone", START + 1);
  await post("2.0/mlflow/runs/log-batch", { run_id: gone, params: [{ key: "a", value: "1" }] });
  await post("2.0/mlflow/runs/delete", { run_id: gone });
  const running = await newRun(url, active, "running", START + 2);
  await post("2.0/mlflow/runs/log-metric", {
    run_id: running,
    key: "loss",
    value: 1,
    timestamp: START,
    step: 0,
  });
  const inDeleted = await newRun(url, deleted, "in deleted", START + 3);
  await post("2.0/mlflow/runs/update", { run_id: inDeleted, status: "FAILED", end_time: START + 4 });
  const many = await fillRuns(url, active, manyRuns);
  await fillRegistry(url, { full, active, loggedModel });
  const traceId = await fillTrace(url, active);
  await post("2.0/mlflow/experiments/delete", { experiment_id: deleted });
  return {
    experiments: { active, deleted, empty },
    runs: { full, deleted: gone, running, many },
    loggedModel,
    traceId,
  };
}

async function fillRuns(url: string, experimentId: string, count: number): Promise<string[]> {
  const made: string[] = [];
  for (let at = 0; at < count; at++) {
    const id = await newRun(url, experimentId, `run ${at}`, START + 100 + at);
    await call(url, "POST", "2.0/mlflow/runs/log-batch", {
      run_id: id,
      metrics: [{ key: "loss", value: at, timestamp: START, step: 0 }],
      params: [{ key: "n", value: String(at) }],
    });
    await upload(url, `${experimentId}/${id}/artifacts/file.txt`, `file of ${at}`);
    await call(url, "POST", "2.0/mlflow/runs/update", {
      run_id: id,
      status: "FINISHED",
      end_time: START + 500,
    });
    made.push(id);
  }
  return made;
}

async function fillRegistry(
  url: string,
  { full, active, loggedModel }: { full: string; active: string; loggedModel: string },
): Promise<void> {
  const post = (path: string, fields: object): Promise<object> =>
    call(url, "POST", `2.0/mlflow/${path}`, fields);
  const name = "churn model";
  await post("registered-models/create", {
    name,
    description: "who leaves",
    tags: [{ key: "owner", value: "ana" }],
  });
  const artifacts = `mlflow-artifacts:/${active}/${full}/artifacts`;
  for (const source of [
    `${artifacts}/model`,
    `runs:/${full}/model`,
    `models:/${loggedModel}`,
    `${artifacts}/plots`,
  ]) {
    await post("model-versions/create", {
      name,
      source,
      run_id: full,
      description: source,
      tags: [{ key: "from", value: source }],
      ...(source.startsWith("models:") ? { model_id: loggedModel } : {}),
    });
  }
  await call(url, "DELETE", "2.0/mlflow/model-versions/delete", { name, version: "2" });
  await post("model-versions/transition-stage", { name, version: "1", stage: "Production" });
  await post("registered-models/alias", { name, alias: "best", version: "3" });
  await post("registered-models/create", {
    name: "greeting",
    tags: [{ key: "mlflow.prompt.is_prompt", value: "true" }],
  });
  await post("model-versions/create", {
    name: "greeting",
    source: "dummy-source",
    tags: [
      { key: "mlflow.prompt.is_prompt", value: "true" },
      { key: "mlflow.prompt.text", value: "Hello {{name}}" },
    ],
  });
}

async function fillTrace(url: string, experimentId: string): Promise<string> {
  const hex = "0123456789abcdef0123456789abcdef";
  const traceId = `tr-${hex}`;
  await call(url, "POST", "3.0/mlflow/traces", {
    trace: {
      trace_info: {
        trace_id: traceId,
        trace_location: {
          type: "MLFLOW_EXPERIMENT",
          mlflow_experiment: { experiment_id: experimentId },
        },
        request_time: "2023-11-14T22:13:20.123Z",
        execution_duration: "1.5s",
        state: "OK",
        request_preview: "question",
        response_preview: "answer",
        trace_metadata: { "mlflow.trace.session": "s1" },
        tags: { "mlflow.traceName": "ask", kind: "test" },
      },
    },
  });
  const answer = await fetch(`${url}/v1/traces`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-mlflow-experiment-id": experimentId },
    body: JSON.stringify({
      resourceSpans: [
        {
          scopeSpans: [
            { spans: [span(hex, "00000000000000a1"), span(hex, "00000000000000a2", "00000000000000a1")] },
          ],
        },
      ],
    }),
  });
  if (!answer.ok) throw new Error(`/v1/traces: ${answer.status} ${await answer.text()}`);
  for (const value of [0.5, 0.75]) {
    await call(url, "POST", `3.0/mlflow/traces/${traceId}/assessments`, {
      assessment: {
        assessment_name: "quality",
        trace_id: traceId,
        source: { source_type: "HUMAN", source_id: "ana" },
        create_time: "2023-11-14T22:13:21Z",
        last_update_time: "2023-11-14T22:13:21Z",
        feedback: { value },
        rationale: "because",
      },
    });
  }
  await upload(url, `${experimentId}/traces/${traceId}/artifacts/traces.json`, '{"spans": []}');
  return traceId;
}

function span(traceId: string, spanId: string, parentSpanId?: string): object {
  return {
    traceId,
    spanId,
    ...(parentSpanId === undefined ? {} : { parentSpanId }),
    name: parentSpanId === undefined ? "root" : "child",
    startTimeUnixNano: "1700000000123000000",
    endTimeUnixNano: "1700000001623000001",
    attributes: [
      { key: "mlflow.spanType", value: { stringValue: '"CHAIN"' } },
      { key: "mlflow.spanInputs", value: { stringValue: '{"q": "question"}' } },
    ],
    events: [{ timeUnixNano: "1700000000200000000", name: "event", attributes: [] }],
    status: { code: 1 },
  };
}
