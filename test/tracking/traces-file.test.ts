import { afterAll, beforeAll, expect, it } from "vitest";
import { encodeRequest } from "./otlp-encode.ts";
import { startPlatform, type TestPlatform } from "./platform.ts";

const START_NS = 1_700_000_000_000_000_001n;
const traceId = Buffer.alloc(16, 7);
const id = `tr-${traceId.toString("hex")}`;

let platform: TestPlatform;
let runId: string;

beforeAll(async () => {
  platform = await startPlatform();
  const made = await platform.call<{ run: { info: { run_id: string } } }>("POST", "runs/create", {
    experiment_id: "0",
  });
  runId = made.run.info.run_id;
  // A client sends traces in the background: this link overtakes its trace.
  await platform.call("POST", "/api/2.0/mlflow/traces/link-to-run", { run_id: runId, trace_ids: [id] });
  const attributes = { fruit: "apple", size: { whole: 3n, part: 2 } };
  await platform.app.inject({
    method: "POST",
    url: "/v1/traces",
    payload: encodeRequest([
      { traceId, spanId: Buffer.alloc(8, 1), name: "é", startNs: START_NS, attributes },
    ]),
    headers: { "content-type": "application/x-protobuf", "x-mlflow-experiment-id": "0" },
  });
});
afterAll(async () => {
  expect(platform.defects).toEqual([]);
  await platform.close();
});

async function found(filter: string): Promise<string[]> {
  const { traces = [] } = await platform.call<{ traces?: { trace_id: string }[] }>(
    "POST",
    "/api/3.0/mlflow/traces/search",
    { locations: [{ type: "MLFLOW_EXPERIMENT", mlflow_experiment: { experiment_id: "0" } }], filter },
  );
  return traces.map((trace) => trace.trace_id);
}

it("a link to a run waits for its trace", async () => {
  expect(await found(`attribute.run_id = '${runId}'`)).toEqual([id]);
  expect(await platform.db.read((tx) => tx.all("SELECT * FROM trace_links_early"))).toEqual([]);
});

it("a link to a run of another tenant, or to none, waits for nothing", async () => {
  await platform.call("POST", "/api/2.0/mlflow/traces/link-to-run", { run_id: "none", trace_ids: [id] }, 404);
});

it("the spans of the database are a trace's file, as MLflow writes it", async () => {
  const answer = await platform.app.inject({
    url: `/ajax-api/2.0/mlflow/get-trace-artifact?request_id=${id}`,
  });
  expect(answer.headers["content-disposition"]).toBe("attachment; filename=traces.json");
  expect(answer.headers["x-content-type-options"]).toBe("nosniff");
  expect(answer.body).toContain(`"start_time_unix_nano": ${START_NS}`);
  const { spans } = answer.json<{ spans: object[] }>();
  expect(spans).toMatchObject([
    {
      trace_id: traceId.toString("base64"),
      span_id: Buffer.alloc(8, 1).toString("base64"),
      parent_span_id: null,
      name: "é",
      status: { code: "STATUS_CODE_UNSET", message: "" },
      attributes: {
        fruit: '"apple"',
        size: '{"whole": 3, "part": 2.0}',
        "mlflow.traceRequestId": JSON.stringify(id),
      },
      events: [],
      links: [],
    },
  ]);
});

it.each([
  ["%apple%", true],
  ['%"name": "é"%', true],
  ['%"fruit": "\\"apple\\""%', true],
  // Words of the form in which spans are kept.
  ["%string_value%", false],
  ["%kvlist%", false],
])("a trace's text is what it says: %s", async (pattern, isFound) => {
  expect(await found(`trace.text LIKE '${pattern}'`)).toEqual(isFound ? [id] : []);
});
