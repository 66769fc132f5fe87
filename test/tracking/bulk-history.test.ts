import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startPlatform, type TestPlatform } from "./platform.ts";

interface Answer {
  metrics: { key: string; value: number | string; step: number; timestamp: number; run_id: string }[];
}

let platform: TestPlatform;
let long: string;
let short: string;

beforeAll(async () => {
  platform = await startPlatform();
  [long, short] = [await run(100), await run(3)];
});
afterAll(() => platform?.close());

async function run(points: number): Promise<string> {
  const { run } = await platform.call<{ run: { info: { run_id: string } } }>("POST", "runs/create", {
    experiment_id: "0",
  });
  const metrics = Array.from({ length: points }, (_, step) => ({
    key: "m",
    value: step === 1 ? "NaN" : step,
    timestamp: 1000 - step,
    step,
  }));
  await platform.call("POST", "runs/log-batch", { run_id: run.info.run_id, metrics });
  return run.info.run_id;
}
const bulk = (query: string) => platform.call<Answer>("GET", `/ajax-api/2.0/mlflow/metrics/${query}`);
const steps = (answer: Answer, runId: string) =>
  answer.metrics.filter((metric) => metric.run_id === runId).map(({ step }) => step);

describe("histories of several runs", () => {
  it("come whole, by run and time, up to the limit", async () => {
    const all = await bulk(`get-history-bulk?run_id=${long}&run_id=${short}&run_id=none&metric_key=m`);
    expect(all.metrics.length).toBe(103);
    expect(steps(all, short)).toEqual([2, 1, 0]);
    const some = await bulk(`get-history-bulk?run_id=${long}&run_id=${short}&metric_key=m&max_results=2`);
    expect(some.metrics.length).toBe(2);
  });

  it("are sampled evenly for each run, with the first and the last point", async () => {
    const at = `get-history-bulk-interval?run_ids=${long}&run_ids=${short}&metric_key=m`;
    const sampled = await bulk(`${at}&max_results=5`);
    expect(steps(sampled, long)).toEqual([0, 20, 40, 60, 99]);
    expect(steps(sampled, short)).toEqual([0, 1, 2]);
    expect(sampled.metrics.find(({ step, run_id: id }) => step === 1 && id === short)?.value).toBe("NaN");
    expect(steps(await bulk(`${at}&max_results=1`), long)).toEqual([99]);
    expect(steps(await bulk(`${at}&max_results=3&start_step=10&end_step=19`), long)).toEqual([10, 14, 19]);
    expect(steps(await bulk(`${at}`), long).length).toBe(100);
    expect((await bulk(`${at.replace("=m", "=none")}`)).metrics).toEqual([]);
  });

  it.each([
    "get-history-bulk?metric_key=m",
    "get-history-bulk?run_id=a",
    `get-history-bulk?metric_key=m${"&run_id=a".repeat(101)}`,
    "get-history-bulk-interval?metric_key=m",
    `get-history-bulk-interval?metric_key=m${"&run_ids=a".repeat(101)}`,
    "get-history-bulk-interval?metric_key=m&run_ids=a&max_results=2501",
    "get-history-bulk-interval?metric_key=m&run_ids=a&max_results=0",
    "get-history-bulk-interval?metric_key=m&run_ids=a&start_step=1",
    "get-history-bulk-interval?metric_key=m&run_ids=a&start_step=2&end_step=1",
  ])("refuse %s", async (query) => {
    const answer = await platform.call("GET", `/ajax-api/2.0/mlflow/metrics/${query}`, {}, 400);
    expect(answer).toMatchObject({ error_code: "INVALID_PARAMETER_VALUE" });
  });

  it.each([
    ["get-history-bulk?run_id=a", "GetMetricHistoryBulk request must specify a metric_key."],
    ["get-history-bulk-interval?metric_key=m", "Missing value for required parameter 'run_ids'."],
    [
      "get-history-bulk-interval?metric_key=m&run_ids=a&max_results=0",
      "max_results must be between 1 and 2500.",
    ],
  ])("refuse %s in MLflow's words", async (query, words) => {
    const answer = await platform.call<{ message: string }>(
      "GET",
      `/ajax-api/2.0/mlflow/metrics/${query}`,
      {},
      400,
    );
    expect(answer.message).toContain(words);
  });

  it("are not found for a run that isn't there", () =>
    platform.call(
      "GET",
      "/api/2.0/mlflow/metrics/get-history-bulk-interval?metric_key=m&run_ids=none",
      {},
      404,
    ));
});

describe("the datasets that runs used", () => {
  it("are summed up by experiment and context", async () => {
    const dataset = { name: "iris", digest: "d1", source_type: "local", source: "x" };
    const tags = [{ key: "mlflow.data.context", value: "training" }];
    for (const run_id of [long, short]) {
      await platform.call("POST", "runs/log-inputs", { run_id, datasets: [{ dataset, tags }] });
    }
    const other = { ...dataset, digest: "d2" };
    await platform.call("POST", "runs/log-inputs", { run_id: long, datasets: [{ dataset: other }] });
    const search = (ids: string[], status = 200) =>
      platform.call("POST", "experiments/search-datasets", { experiment_ids: ids }, status);
    expect(await search(["0", "99"])).toEqual({
      dataset_summaries: [
        { experiment_id: "0", name: "iris", digest: "d1", context: "training" },
        { experiment_id: "0", name: "iris", digest: "d2" },
      ],
    });
    await search([], 400);
    // How many they are is looked at before what they are.
    const many = await search(
      Array.from({ length: 21 }, (_, index) => `id_${index}`),
      400,
    );
    expect(many).toMatchObject({
      message: expect.stringContaining("cannot specify more than 20 experiment_ids") as string,
    });
  });
});
