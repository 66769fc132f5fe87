import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startPlatform, type TestPlatform } from "./platform.ts";

interface RunMessage {
  info: { run_id: string; run_name: string; status: string; end_time?: number; artifact_uri: string };
  data: {
    metrics: { key: string; value: number | string; step: number | string }[];
    params: { key: string; value: string }[];
    tags: { key: string; value: string }[];
  };
}

let platform: TestPlatform;
beforeAll(async () => void (platform = await startPlatform()));
afterAll(() => platform.close());

const start = (fields: object = {}) =>
  platform.call<{ run: RunMessage }>("POST", "runs/create", fields).then(({ run }) => run);
const get = (run_id: string) =>
  platform.call<{ run: RunMessage }>("GET", "runs/get", { run_id }).then(({ run }) => run);
const batch = (run_id: string, fields: object, status = 200) =>
  platform.call<{ error_code?: string; message?: string }>(
    "POST",
    "runs/log-batch",
    { run_id, ...fields },
    status,
  );
const point = (
  key: string,
  value: number | string,
  step: number | string = 0,
  timestamp: number | string = 1,
) => ({
  key,
  value,
  step,
  timestamp,
});

describe("tracking runs", () => {
  it("start in experiment 0 with a name people can say, and end", async () => {
    const run = await start();
    expect(run.info).toMatchObject({ experiment_id: "0", status: "RUNNING", lifecycle_stage: "active" });
    expect(run.info.run_name).toMatch(/^[a-z]+-[a-z]+-\d+$/);
    expect(run.info.artifact_uri).toBe(`mlflow-artifacts:/0/${run.info.run_id}/artifacts`);
    const { run_info } = await platform.call<{ run_info: object }>("POST", "runs/update", {
      run_id: run.info.run_id,
      status: "FINISHED",
      end_time: "1700000000000",
      run_name: "renamed",
    });
    expect(run_info).toMatchObject({ status: "FINISHED", end_time: 1700000000000, run_name: "renamed" });
    expect((await get(run.info.run_id)).data.tags).toEqual([{ key: "mlflow.runName", value: "renamed" }]);
  });

  it("follow their name's tag, and refuse two names", async () => {
    const run = await start({ tags: [{ key: "mlflow.runName", value: "tagged" }] });
    expect(run.info.run_name).toBe("tagged");
    await platform.call("POST", "runs/set-tag", {
      run_id: run.info.run_id,
      key: "mlflow.runName",
      value: "again",
    });
    expect((await get(run.info.run_id)).info.run_name).toBe("again");
    const both = { run_name: "a", tags: [{ key: "mlflow.runName", value: "b" }] };
    await platform.call("POST", "runs/create", both, 400);
  });

  it("keep the latest point of a metric by step, then time, and all of its history", async () => {
    const { run_id } = (await start()).info;
    await batch(run_id, { metrics: [point("m", 1, 5, 10), point("m", 2, 3, 20), point("m", 3, 5, 9)] });
    await batch(run_id, { metrics: [point("m", 9, 4, 99)] });
    expect((await get(run_id)).data.metrics).toMatchObject([{ key: "m", value: 1, step: 5 }]);
    const history = await platform.call<{ metrics: { value: number }[] }>("GET", "metrics/get-history", {
      run_id,
      metric_key: "m",
    });
    expect(history.metrics.map(({ value }) => value)).toEqual([3, 1, 2, 9]);
  });

  it("take the same batch twice without doubling it", async () => {
    const { run_id } = (await start()).info;
    const metrics = Array.from({ length: 1000 }, (_, step) => point("m", step / 7, step, step));
    await batch(run_id, { metrics });
    await batch(run_id, { metrics });
    let seen: number[] = [];
    let page_token: string | undefined;
    do {
      const page: { metrics: { value: number }[]; next_page_token?: string } = await platform.call(
        "GET",
        "metrics/get-history",
        { run_id, metric_key: "m", max_results: "300", ...(page_token ? { page_token } : {}) },
      );
      seen = [...seen, ...page.metrics.map(({ value }) => value)];
      page_token = page.next_page_token;
    } while (page_token);
    expect(seen).toEqual(metrics.map(({ value }) => value));
  });

  it("answer every double as it was given, and texts with every character, in the order of their keys", async () => {
    const run = await start();
    const doubles = [
      0.1,
      1 / 3,
      2 / 3,
      1e21,
      1e22,
      1e23,
      1.7976931348623157e308,
      2.2250738585072014e-308,
      5e-324,
      123456789012345680,
      ...Array.from({ length: 200 }, (_, index) => Math.sin(index + 1) * 10 ** (index - 100)),
    ];
    const text = 'a "quoted" \\ line\n\u0001\u2028 with ünïcödé 🚢';
    await batch(run.info.run_id, {
      metrics: doubles.map((value, index) => point(`m${index}`, value)),
      params: [
        { key: "b", value: text },
        { key: "a", value: "" },
      ],
      tags: [{ key: "t", value: text }],
    });
    const { data } = await get(run.info.run_id);
    expect(data.metrics.map(({ key }) => key)).toEqual(doubles.map((_, index) => `m${index}`).sort());
    expect(Object.fromEntries(data.metrics.map(({ key, value }) => [key, value]))).toEqual(
      Object.fromEntries(doubles.map((value, index) => [`m${index}`, value])),
    );
    expect(data.params).toEqual([
      { key: "a", value: "" },
      { key: "b", value: text },
    ]);
    expect(data.tags).toContainEqual({ key: "t", value: text });
  });

  it("take NaN, infinities and 64-bit integers", async () => {
    const { run_id } = (await start()).info;
    await batch(run_id, {
      metrics: [
        point("nan", "NaN"),
        point("inf", "Infinity"),
        point("-inf", "-Infinity"),
        point("big", 1, "9007199254740993"),
      ],
    });
    const { metrics } = (await get(run_id)).data;
    expect(Object.fromEntries(metrics.map(({ key, value }) => [key, value]))).toEqual({
      nan: "NaN",
      inf: Number.MAX_VALUE,
      "-inf": -Number.MAX_VALUE,
      big: 1,
    });
    // As a number with all its digits, which reading it as a double loses.
    const answer = await platform.app.inject(`/api/2.0/mlflow/runs/get?run_id=${run_id}`);
    expect(answer.body).toContain('"step":9007199254740993}');
    for (const value of ["x", "", null, true, []]) {
      await batch(run_id, { metrics: [{ ...point("m", 1), value }] }, 400);
    }
    for (const step of ["9223372036854775808", "-9223372036854775809", "1.5", 1.5, 1e300, [1]]) {
      await batch(run_id, { metrics: [{ ...point("m", 1), step }] }, 400);
    }
    await batch(run_id, { metrics: [{ ...point("m", 1), timestamp: -1 }] }, 400);
  });

  it("keep every double, however small", async () => {
    const { run_id } = (await start()).info;
    const tiny = Array.from({ length: 40 }, (_, n) => Math.PI * 10 ** -(8 * n + 5));
    const values = [
      ...tiny,
      5e-324,
      -1e-300,
      Number.EPSILON / 3,
      1 + Number.EPSILON,
      1e308,
      0.1,
      123456789.125,
    ];
    await batch(run_id, { metrics: values.map((value, n) => point(`m${n}`, value)) });
    const { metrics } = (await get(run_id)).data;
    const kept = Object.fromEntries(metrics.map(({ key, value }) => [key, value]));
    expect(values.map((_, n) => kept[`m${n}`])).toEqual(values);
    const history = await platform.call<{ metrics: object[] }>("GET", "metrics/get-history", {
      run_id,
      metric_key: "m39",
    });
    expect(history.metrics).toMatchObject([{ value: tiny[39] }]);
  });

  it("write a param once, and undo a batch as a whole", async () => {
    const { run_id } = (await start()).info;
    await batch(run_id, { params: [{ key: "a", value: "1" }] });
    await batch(run_id, { params: [{ key: "a", value: "1" }] });
    const refused = await batch(
      run_id,
      {
        metrics: [point("m", 1)],
        tags: [{ key: "t", value: "1" }],
        params: [
          { key: "b", value: "2" },
          { key: "a", value: "2" },
        ],
      },
      400,
    );
    expect(refused).toMatchObject({
      error_code: "INVALID_PARAMETER_VALUE",
      message: expect.stringContaining("already logged with value='1'"),
    });
    const { data } = await get(run_id);
    expect(data.params).toEqual([{ key: "a", value: "1" }]);
    expect(data.metrics).toEqual([]);
    expect(data.tags.map(({ key }) => key)).toEqual(["mlflow.runName"]);
  });

  it("keep MLflow's limits", async () => {
    const { run_id } = (await start()).info;
    const many = (count: number) => Array.from({ length: count }, (_, n) => ({ key: `k${n}`, value: "v" }));
    const metrics = (count: number) => Array.from({ length: count }, (_, n) => point(`m${n}`, n));
    const refusals: object[] = [
      { metrics: metrics(1001) },
      { params: many(101) },
      { tags: many(101) },
      { metrics: metrics(901), params: many(100) },
      { params: [{ key: "k".repeat(251), value: "v" }] },
      { params: [{ key: "../k", value: "v" }] },
      { params: [{ key: "/k", value: "v" }] },
      { metrics: [point("a\u0000b", 1)] },
      { tags: many(100).map((tag) => ({ ...tag, value: "v".repeat(8000) })), padding: "x".repeat(300_000) },
    ];
    for (const fields of refusals) {
      expect(await batch(run_id, fields, 400)).toMatchObject({ error_code: "INVALID_PARAMETER_VALUE" });
    }
    await batch(run_id, { metrics: metrics(900), params: many(100) });
    expect((await get(run_id)).data.params).toHaveLength(100);
  });

  it("cut values that are too long, as MLflow's server does", async () => {
    const { run_id } = (await start()).info;
    await batch(run_id, {
      params: [{ key: "k", value: "😀".repeat(6001) }],
      tags: [{ key: "k", value: "v".repeat(8001) }],
    });
    const { params, tags } = (await get(run_id)).data;
    expect([...(params[0]?.value ?? "")]).toHaveLength(6000);
    expect(tags.find(({ key }) => key === "k")?.value).toHaveLength(8000);
  });

  it("are deleted and restored; a deleted one takes nothing", async () => {
    const { run_id } = (await start()).info;
    await platform.call("POST", "runs/delete", { run_id });
    expect(await batch(run_id, { metrics: [point("m", 1)] }, 400)).toMatchObject({
      error_code: "INVALID_PARAMETER_VALUE",
    });
    await platform.call("POST", "runs/restore", { run_id });
    await batch(run_id, { metrics: [point("m", 1)] });
  });

  it("that nobody started are RESOURCE_DOES_NOT_EXIST", async () => {
    const run_id = "0".repeat(32);
    expect(await batch(run_id, { metrics: [point("m", 1)] }, 404)).toMatchObject({
      error_code: "RESOURCE_DOES_NOT_EXIST",
    });
    await platform.call("GET", "runs/get", { run_id }, 404);
    await platform.call("GET", "runs/get", {}, 400);
  });

  it("tell listeners in the process what was acknowledged", async () => {
    const { run_id } = (await start()).info;
    const heard: unknown[] = [];
    const stop = platform.tracking.onLogged((runId, logged) => heard.push({ runId, ...logged }));
    await batch(run_id, { metrics: [point("m", 1)], params: [{ key: "p", value: "x" }] });
    await platform.call("POST", "runs/set-tag", { run_id, key: "t", value: "1" });
    stop();
    await batch(run_id, { metrics: [point("m", 2)] });
    expect(heard).toEqual([{ runId: run_id, metrics: { m: 1 }, params: { p: "x" } }]);
  });

  it("serve the platform in process by the same tables", async () => {
    const { tracking } = platform;
    const { experimentId } = await tracking.ensureExperiment("mine");
    expect(await tracking.ensureExperiment("mine")).toEqual({ experimentId });
    const runId = "ab".repeat(16);
    const made = await tracking.createRun({ experimentId, runName: "r", tags: { t: "1" }, runId });
    expect(await tracking.createRun({ experimentId, runName: "other", tags: {}, runId })).toEqual(made);
    await tracking.logMetrics(runId, { accuracy: 0.5, bad: Number.NaN });
    await tracking.logParams(runId, { p: "x" });
    await expect(tracking.logParams(runId, { p: "y" })).rejects.toThrow(/not allowed/);
    await tracking.finishRun(runId, "FAILED");
    expect(await tracking.getRun(runId)).toMatchObject({
      experimentId,
      status: "FAILED",
      metrics: { accuracy: 0.5, bad: Number.NaN },
      params: { p: "x" },
      tags: { t: "1", "mlflow.runName": "r" },
    });
    expect(await tracking.getRun("nobody")).toBeUndefined();
    await platform.call("POST", "experiments/delete", { experiment_id: experimentId });
    expect(await tracking.ensureExperiment("mine")).toEqual({ experimentId });
    expect((await get(runId)).info).toMatchObject({ lifecycle_stage: "active" });
  });
});
