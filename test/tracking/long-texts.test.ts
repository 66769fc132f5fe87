import { afterAll, beforeAll, expect, it } from "vitest";
import { startPlatform, type TestPlatform } from "./platform.ts";

/** Much more than any of these takes, much less than what grows with the square of the length. */
const PATIENCE_MS = 4_000;
/** Nearly as long as a body may be. */
const LONG = 450_000;

let platform: TestPlatform;
let runId: string;
beforeAll(async () => {
  platform = await startPlatform();
  await platform.call("POST", "registered-models/create", { name: "m" });
  const { run } = await platform.call<{ run: { info: { run_id: string } } }>("POST", "runs/create", {});
  runId = run.info.run_id;
});
afterAll(() => platform.close());

const repeat = (text: string): string => text.repeat(LONG / text.length);
const filter = (text: string): object => ({ experiment_ids: ["0"], filter: text, filter_string: text });
const quoted = `params.a = '${repeat("\\'")}`;

it.each<[string, string, object | string]>([
  [
    "a source that is encoded again and again",
    "model-versions/create",
    { name: "m", source: `s3://b/%${repeat("25")}2e` },
  ],
  ["a source of slashes", "model-versions/create", { name: "m", source: `models:${repeat("/")}` }],
  ["a source of aliases", "model-versions/create", { name: "m", source: `models:/${repeat("a@")}/` }],
  [
    "an artifact location of slashes",
    "experiments/create",
    { name: "e", artifact_location: `mlflow-artifacts:${repeat("/")}#` },
  ],
  [
    "an artifact location that is encoded",
    "experiments/create",
    { name: "e", artifact_location: `s3://b/%${repeat("25")}2e` },
  ],
  ["a path of dots", "artifacts/presigned-upload-url", { path: repeat("../") }],
  ["a text without an end", "runs/create", `{"a":1234567890123456,"${repeat('\\"')}`],
  ["a number of digits", "runs/create", `{"start_time":${repeat("1")}}`],
  ["a metric's value of digits", "runs/log-metric", { key: "k", timestamp: 1, value: `${repeat("1")}x` }],
  ["a filter of back-ticks", "runs/search", filter(repeat("`"))],
  ["a filter with a text without an end", "runs/search", filter(quoted)],
  ["a filter of spaces", "experiments/search", { ...filter(`a${repeat(" ")}b`), max_results: 1 }],
  ["a filter of one number", "logged-models/search", filter(repeat("1"))],
  ["an order of spaces", "runs/search", { experiment_ids: ["0"], order_by: [`metrics.a${repeat(" ")}x`] }],
  ["a page token", "runs/search", { experiment_ids: ["0"], page_token: repeat("A") }],
  ["a name", "registered-models/create", { name: repeat("a/") }],
  ["an alias", "registered-models/alias", { name: "m", version: "1", alias: repeat("a-") }],
  ["a tag's key", "runs/set-tag", { key: repeat("a/"), value: "x" }],
])("%s is refused at once", async (_, path, body) => {
  const payload = typeof body === "string" ? body : { run_id: runId, ...body };
  const began = performance.now();
  const answer = await platform.app.inject({
    method: "POST",
    url: `/api/2.0/mlflow/${path}`,
    headers: { "content-type": "application/json" },
    payload,
  });
  expect(performance.now() - began).toBeLessThan(PATIENCE_MS);
  expect([answer.statusCode, answer.json<{ error_code: string }>().error_code]).toEqual([
    400,
    "INVALID_PARAMETER_VALUE",
  ]);
});

it("met no defect", () => expect(platform.defects).toEqual([]));
