import { Readable } from "node:stream";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { bytesOf } from "../../src/base/bytes.ts";
import type { ReadTx } from "../../src/store/database.ts";
import { logSpans } from "../../src/tracking/traces/log-spans.ts";
import { searchTraces } from "../../src/tracking/traces/search/search.ts";
import { encodeRequest, type TestSpan, type TestValue } from "./otlp-encode.ts";
import { startPlatform, type TestPlatform } from "./platform.ts";

let platform: TestPlatform;

beforeAll(async () => {
  platform = await startPlatform();
});
afterAll(async () => {
  expect(platform.defects).toEqual([]);
  await platform.close();
});

interface Info {
  trace_id: string;
  state: string;
  request_time: string;
  execution_duration?: string;
  request_preview?: string;
  trace_metadata: Record<string, string>;
  tags: Record<string, string>;
}

let counted = 0;
/** A new trace's id, in bytes and in MLflow's words. */
function newTrace(): { traceId: Buffer; id: string } {
  const traceId = Buffer.alloc(16);
  traceId.writeUInt32BE(++counted, 4);
  return { traceId, id: `tr-${traceId.toString("hex")}` };
}

function spanId(number: number): Buffer {
  const id = Buffer.alloc(8);
  id.writeUInt32BE(number, 4);
  return id;
}

async function send(
  body: Buffer | string,
  headers: Record<string, string> = {},
): Promise<{ status: number; text: string; bytes: Buffer; type: string }> {
  const answer = await platform.app.inject({
    method: "POST",
    url: "/v1/traces",
    payload: body,
    headers: { "content-type": "application/x-protobuf", "x-mlflow-experiment-id": "0", ...headers },
  });
  const type = String(answer.headers["content-type"]);
  return { status: answer.statusCode, text: answer.body, bytes: answer.rawPayload, type };
}

async function experiment(name: string): Promise<string> {
  return (await platform.call<{ experiment_id: string }>("POST", "experiments/create", { name }))
    .experiment_id;
}

async function infoOf(id: string): Promise<Info> {
  const { trace } = await platform.call<{ trace: { trace_info: Info } }>(
    "GET",
    `/api/3.0/mlflow/traces/${id}`,
  );
  return trace.trace_info;
}

function startV3(
  id: string,
  experimentId: string,
  more: object = {},
  status = 200,
): Promise<{ trace: { trace_info: Info } }> {
  const trace_info = {
    trace_id: id,
    trace_location: { type: "MLFLOW_EXPERIMENT", mlflow_experiment: { experiment_id: experimentId } },
    request_time: "2023-11-14T22:13:20.5Z",
    execution_duration: "1.25s",
    state: "OK",
    ...more,
  };
  return platform.call("POST", "/api/3.0/mlflow/traces", { trace: { trace_info } }, status);
}

async function searchIds(
  experimentId: string,
  fields: object = {},
): Promise<{ ids: string[]; token?: string }> {
  const locations = [{ type: "MLFLOW_EXPERIMENT", mlflow_experiment: { experiment_id: experimentId } }];
  const answer = await platform.call<{ traces: Info[]; next_page_token?: string }>(
    "POST",
    "/api/3.0/mlflow/traces/search",
    { locations, ...fields },
  );
  const { next_page_token: token } = answer;
  return { ids: answer.traces.map((trace) => trace.trace_id), ...(token === undefined ? {} : { token }) };
}

async function count(table: string): Promise<number> {
  const row = await platform.db.read((tx: ReadTx) =>
    tx.get<{ n: number }>(`SELECT COUNT(*) AS n FROM ${table}`),
  );
  return Number(row?.n);
}

describe("POST /v1/traces", () => {
  it("keeps spans, packed or not, and answers in the request's encoding", async () => {
    const { traceId, id } = newTrace();
    const span = { traceId, spanId: spanId(1), attributes: { "mlflow.spanInputs": { q: 1n } } };
    const packed = await send(gzipSync(bytesOf(encodeRequest([span], { "service.name": "shop" }))), {
      "content-encoding": "gzip",
    });
    expect(packed).toMatchObject({ status: 200, text: "", type: "application/x-protobuf" });
    expect(await infoOf(id)).toMatchObject({
      state: "OK",
      request_time: "2023-11-14T22:13:20Z",
      execution_duration: "1s",
      request_preview: '{"q": 1}',
      tags: { "service.name": "shop", "mlflow.trace.spansLocation": "TRACKING_STORE" },
    });
    const json = {
      resourceSpans: [{ scopeSpans: [{ spans: [{ traceId: id.slice(3), spanId: "00000000000000ff" }] }] }],
    };
    const second = await send(JSON.stringify(json), { "content-type": "application/json; charset=utf-8" });
    expect(second).toMatchObject({
      status: 200,
      text: "{}",
      type: expect.stringMatching(/^application\/json/) as string,
    });
    const { trace } = await platform.call<{ trace: { spans: { name: string }[] } }>(
      "GET",
      "/api/3.0/mlflow/traces/get",
      { trace_id: id },
    );
    expect(trace.spans).toHaveLength(2);
  });

  it("replaces a span that comes again", async () => {
    const { traceId, id } = newTrace();
    const usage = (tokens: bigint): TestSpan => ({
      traceId,
      spanId: spanId(1),
      name: `n${tokens}`,
      attributes: {
        "mlflow.chat.tokenUsage": { input_tokens: tokens, output_tokens: 1n, total_tokens: tokens + 1n },
      },
    });
    for (const tokens of [5n, 5n, 7n]) expect((await send(encodeRequest([usage(tokens)]))).status).toBe(200);
    expect((await infoOf(id)).trace_metadata["mlflow.trace.tokenUsage"]).toBe(
      '{"input_tokens": 7, "output_tokens": 1, "total_tokens": 8}',
    );
    const sizes = await platform.db.read((tx) =>
      tx.get(
        "SELECT span_count, (SELECT SUM(LENGTH(content)) FROM spans s WHERE s.tid = t.tid) - span_bytes AS off FROM traces t WHERE trace_id = ?",
        [id],
      ),
    );
    expect(sizes).toMatchObject({ span_count: 1 });
    expect(Number((sizes as { off: number }).off)).toBe(0);
  });

  it("comes to the same before and after the trace itself", async () => {
    const id = await experiment("order");
    const said = {
      trace_metadata: { "mlflow.trace.tokenUsage": '{"input_tokens": 1}', k: "v" },
      tags: { t: "u", "mlflow.traceName": "n" },
      request_preview: "mine",
    };
    const results: Info[] = [];
    for (const spansFirst of [true, false]) {
      const { traceId, id: trace } = newTrace();
      const span = {
        traceId,
        spanId: spanId(1),
        attributes: { "mlflow.chat.tokenUsage": { input_tokens: 9n } },
      };
      const spans = () => send(encodeRequest([span]), { "x-mlflow-experiment-id": id });
      if (spansFirst) await spans();
      await startV3(trace, id, said);
      if (!spansFirst) await spans();
      results.push(await infoOf(trace));
    }
    const [first, second] = results.map(
      (info) => JSON.parse(JSON.stringify(info).replaceAll(info.trace_id, "")) as Info,
    );
    expect(first).toEqual(second);
    expect(first).toMatchObject({
      execution_duration: "1.250s",
      trace_metadata: { "mlflow.trace.tokenUsage": '{"input_tokens": 1}' },
    });
  });

  it("refuses what it can't read, and keeps nothing of it", async () => {
    const good = encodeRequest([{ traceId: newTrace().traceId, spanId: spanId(1) }]);
    const zip = { "content-encoding": "gzip" };
    const bomb = gzipSync(new Uint8Array(33 * 1024 * 1024), { level: 1 });
    const before = [await count("traces"), await count("spans")];
    const answers: [number, string, Awaited<ReturnType<typeof send>>][] = [
      [400, "Invalid Content-Type", await send(good, { "content-type": "text/plain" })],
      [400, "Invalid Content-Type", await send(good, { "content-type": "application/json" })],
      [400, "Invalid OpenTelemetry format", await send("this is not valid protobuf data at all")],
      [400, "no spans found", await send("")],
      [400, "decompress", await send(good, zip)],
      [400, "exceeds", await send(bomb, zip)],
      [400, "Content-Encoding", await send(good, { "content-encoding": "br" })],
      [400, "exceeds", await send(Buffer.alloc(33 * 1024 * 1024))],
      [400, "Invalid experiment ID", await send(good, { "x-mlflow-experiment-id": "../1" })],
      [404, "No Experiment", await send(good, { "x-mlflow-experiment-id": "999999" })],
      [404, "Run with id=", await send(good, { "x-mlflow-run-id": "none" })],
      [422, "x-mlflow-experiment-id", await send(good, { "x-mlflow-experiment-id": "" })],
      [422, "trace_id", await send(encodeRequest([{ traceId: Buffer.alloc(0), spanId: spanId(1) }]))],
    ];
    for (const [status, text, answer] of answers) {
      expect([answer.status, answer.text]).toEqual([status, expect.stringContaining(text)]);
    }
    expect([await count("traces"), await count("spans")]).toEqual(before);
  });

  it("counts the spans that are too large as rejected, and keeps the others", async () => {
    const { traceId, id } = newTrace();
    const large = { traceId, spanId: spanId(1), attributes: { a: "x".repeat(17 * 1024 * 1024) } };
    const answer = await send(encodeRequest([large, { traceId, spanId: spanId(2) }]));
    expect([answer.status, ...answer.bytes.subarray(0, 4)]).toEqual([
      200,
      0x0a,
      answer.bytes.length - 2,
      0x08,
      1,
    ]);
    expect((await infoOf(id)).state).toBe("OK");
  });

  it("links finished traces to the tracking run that its header names", async () => {
    const { run } = await platform.call<{ run: { info: { run_id: string } } }>("POST", "runs/create", {});
    const { traceId, id } = newTrace();
    await send(encodeRequest([{ traceId, spanId: spanId(1) }]), { "x-mlflow-run-id": run.info.run_id });
    expect((await searchIds("0", { filter: `run_id = '${run.info.run_id}'` })).ids).toEqual([id]);
  });
});

describe("traces", () => {
  it.each(["..%2fx", "..", "%2e%2e", "a%2fb", "%00", "-x", "x".repeat(129)])(
    "are never named %s",
    async (id) => {
      const urls = [`/api/3.0/mlflow/traces/${id}/assessments/a`, `/api/2.0/mlflow/traces/${id}/info`];
      for (const url of urls) {
        const { statusCode } = await platform.app.inject({ method: "GET", url });
        expect([400, 404]).toContain(statusCode);
      }
      await startV3(decodeURIComponent(id), "0", {}, 400);
    },
  );

  it("begin and end in MLflow's old way", async () => {
    const pairs = (entries: Record<string, string>): object[] =>
      Object.entries(entries).map(([key, value]) => ({ key, value }));
    const started = await platform.call<{ trace_info: { request_id: string } }>("POST", "traces", {
      experiment_id: "0",
      timestamp_ms: 1000,
      request_metadata: pairs({ m1: "apple", m2: "grape" }),
      tags: pairs({ t1: "football" }),
    });
    const { request_id: id } = started.trace_info;
    expect(started.trace_info).toMatchObject({
      status: "IN_PROGRESS",
      timestamp_ms: 1000,
      execution_time_ms: 0,
    });
    const ended = await platform.call("PATCH", `traces/${id}`, {
      timestamp_ms: 3000,
      status: "OK",
      request_metadata: pairs({ m1: "orange" }),
      tags: pairs({ "mlflow.traceName": "named" }),
    });
    expect(ended).toMatchObject({ trace_info: { execution_time_ms: 2000, status: "OK" } });
    expect(await platform.call("GET", `traces/${id}/info`)).toMatchObject({
      trace_info: { request_metadata: pairs({ m1: "orange", m2: "grape" }) },
    });
    const found = await platform.call<{ traces: { request_id: string }[] }>("GET", "traces", {
      experiment_ids: "0",
      filter: "name = 'named'",
    });
    expect(found.traces.map((trace) => trace.request_id)).toEqual([id]);
  });

  it("are deleted with all that hangs on them, the oldest first", async () => {
    const id = await experiment("deleting");
    const traces = Array.from({ length: 600 }, () => newTrace());
    const spans = traces.map(({ traceId }, index) => ({
      traceId,
      spanId: spanId(1),
      startNs: BigInt(index) * 1_000_000n,
      endNs: 2_000_000_000n,
    }));
    await send(encodeRequest(spans), { "x-mlflow-experiment-id": id });
    const remove = (fields: object, status = 200): Promise<object> =>
      platform.call("POST", "traces/delete-traces", { experiment_id: id, ...fields }, status);
    const file = (index: number): string => `${id}/traces/${traces[index]?.id}/artifacts/traces.json`;
    for (const index of [0, 4]) await platform.blobs.put(file(index), Readable.from("{}"));
    expect(await remove({ max_timestamp_millis: 9, max_traces: 4 })).toEqual({ traces_deleted: 4 });
    expect(await platform.blobs.stat(file(0))).toBeUndefined();
    expect(await platform.blobs.stat(file(4))).toBeDefined();
    expect(await remove({ request_ids: [traces[0]?.id, traces[20]?.id, "tr-none"] })).toEqual({
      traces_deleted: 1,
    });
    expect((await searchIds(id, { order_by: ["timestamp_ms ASC"], max_results: 1 })).ids).toEqual([
      traces[4]?.id,
    ]);
    expect(await remove({ max_timestamp_millis: 5000 })).toEqual({ traces_deleted: 595 });
    const left = await platform.db.read((tx) =>
      tx.all("SELECT tid FROM spans WHERE tid NOT IN (SELECT tid FROM traces)"),
    );
    expect(left).toEqual([]);
    for (const wrong of [
      {},
      { max_traces: 1 },
      { max_timestamp_millis: 1, request_ids: ["a"] },
      { max_timestamp_millis: 1, max_traces: 0 },
    ]) {
      await remove(wrong, 400);
    }
  });

  it("are nobody's business in another tenant", async () => {
    const { id } = newTrace();
    await startV3(id, "0", { tags: { secret: "1" } });
    const other = {
      workspace: "other",
      experimentIds: [0],
      filter: "",
      orderBy: [],
      limit: 10,
      pageToken: undefined,
    };
    expect(await platform.db.read((tx) => searchTraces(tx, other))).toEqual({ rows: [], token: undefined });
    const args = { workspace: "other", experimentId: 0, runId: null, traces: [] };
    await expect(platform.db.write(logSpans, args)).rejects.toThrow("No Experiment with id=0 exists");
  });
});

describe("searches", () => {
  let id: string;
  const traces = Array.from({ length: 450 }, () => newTrace());

  beforeAll(async () => {
    id = await experiment("searching");
    const spans = traces.map(({ traceId }, index): TestSpan => {
      const attributes: Record<string, TestValue> = {
        n: BigInt(index),
        "mlflow.traceTag.odd": String(index % 2),
      };
      if (index % 150 === 0) attributes["word"] = "needle";
      return {
        traceId,
        spanId: spanId(1),
        name: index === 7 ? "rare" : "common",
        startNs: BigInt(index + 1) * 1_000_000n,
        endNs: 10n ** 9n,
        attributes,
      };
    });
    await send(encodeRequest(spans), { "x-mlflow-experiment-id": id });
  });

  it("go through all pages once, also where only the spans can tell", async () => {
    for (const filter of ["", "tag.odd = '1'", "span.attributes.word = 'needle'", "tag.odd RLIKE '^1$'"]) {
      const expected = traces.filter((_, index) => {
        if (filter.includes("needle")) return index % 150 === 0;
        return filter === "" || index % 2 === 1;
      });
      const found: string[] = [];
      let token: string | undefined;
      let pages = 0;
      do {
        const page = await searchIds(id, { filter, max_results: 100, ...(token && { page_token: token }) });
        found.push(...page.ids);
        ({ token } = page);
        expect(++pages).toBeLessThan(10);
      } while (token);
      expect(found).toEqual(expected.map((trace) => trace.id).reverse());
    }
  });

  it.each([
    ["span.name = 'rare'", [7]],
    ["span.attributes.n = '12' AND span.name = 'common'", [12]],
    ["span.attributes.n = '7' AND span.name = 'common'", []],
    ["request_id IN ('none') OR 1", null],
    ["timestamp_ms > 445 AND timestamp_ms <= 447 AND end_time_ms = 1000", [446, 445]],
    ["status RLIKE 'O.' AND span.name RLIKE '^ra'", [7]],
    ["name IS NULL AND span.name = 'rare'", [7]],
    ["span.name > 'a'", null],
    ["span.content = 'x'", null],
    ["span.nothing = 'x'", null],
    ["feedback.x > '1'", null],
    ["tag.x RLIKE '('", null],
    ["nothing = 'x'", null],
    ["issue.id = 'i'", []],
    ["prompt = 'p/1'", []],
    ["prompt = 'p'", null],
  ])("%s", async (filter, expected) => {
    const locations = [{ type: "MLFLOW_EXPERIMENT", mlflow_experiment: { experiment_id: id } }];
    const path = "/api/3.0/mlflow/traces/search";
    const answer = await platform.app.inject({ method: "POST", url: path, payload: { locations, filter } });
    if (expected === null) return expect(answer.statusCode, answer.body).toBe(400);
    const ids = answer
      .json<{ traces: Info[] }>()
      .traces.map((trace) => traces.findIndex((known) => known.id === trace.trace_id));
    expect(ids).toEqual(expected);
  });

  it("use indexes for time, tags and names of spans", async () => {
    const { db } = platform;
    const explained = await db.read(async (tx) => {
      const statements: string[] = [];
      const watching: ReadTx = {
        dialect: tx.dialect,
        async all(sql, params) {
          const plan = await tx.all<Record<string, string>>(
            `${tx.dialect === "sqlite" ? "EXPLAIN QUERY PLAN" : "EXPLAIN"} ${sql}`,
            params,
          );
          statements.push(plan.map((row) => row["detail"] ?? row["QUERY PLAN"]).join("\n"));
          return tx.all(sql, params);
        },
        get: (sql, params) => tx.get(sql, params),
      };
      for (const filter of ["", "tag.odd = '9'", "span.name = 'rare'"]) {
        const search = {
          workspace: "default",
          experimentIds: [Number(id)],
          filter,
          orderBy: [],
          limit: 10,
          pageToken: undefined,
        };
        await searchTraces(watching, search);
      }
      return statements.filter((plan) => /traces_listed|trace_tags_by_value|spans_by_name/.test(plan));
    });
    // PostgreSQL chooses by the number of rows: here it would read them all.
    if (inject("database") === "postgres") return;
    expect(explained.join("\n")).toMatch(/traces_listed[^]*trace_tags_by_value[^]*spans_by_name/);
    expect(explained[0]).not.toContain("TEMP B-TREE");
  });
});

describe("metrics", () => {
  let id: string;
  beforeAll(async () => {
    id = await experiment("metrics");
    const spans = [1, 2, 3, 10].map((seconds, index): TestSpan => {
      const { traceId } = newTrace();
      const start = 1_700_000_000_000_000_000n + BigInt(index) * 3_600_000_000_000n;
      return {
        traceId,
        spanId: spanId(1),
        name: "call",
        startNs: start,
        endNs: start + BigInt(seconds) * 1_000_000_000n,
        status: index === 0 ? 2 : 1,
        attributes: {
          "mlflow.llm.model": index < 2 ? "small" : "large",
          "mlflow.llm.cost": { input_cost: 0.5, output_cost: 0.25, total_cost: 0.75 },
          "mlflow.chat.tokenUsage": {
            input_tokens: BigInt(seconds),
            output_tokens: 1n,
            total_tokens: BigInt(seconds) + 1n,
          },
        },
      };
    });
    await send(encodeRequest(spans), { "x-mlflow-experiment-id": id });
  });

  const query = (
    fields: object,
    status = 200,
  ): Promise<{ data_points: { dimensions: object; values: Record<string, number> }[] }> =>
    platform.call("POST", "/api/3.0/mlflow/traces/metrics", { experiment_ids: [id], ...fields }, status);
  const kinds = (...types: string[]): object[] => types.map((aggregation_type) => ({ aggregation_type }));

  it("count, add up and average, by time and by what traces have in common", async () => {
    const percentiles = [50, 95].map((percentile_value) => ({
      aggregation_type: "PERCENTILE",
      percentile_value,
    }));
    const latency = await query({
      view_type: "TRACES",
      metric_name: "latency",
      aggregations: [...kinds("AVG", "MIN", "MAX"), ...percentiles],
    });
    expect(latency.data_points).toHaveLength(1);
    expect(latency.data_points[0]?.values).toMatchObject({
      AVG: 4000,
      MIN: 1000,
      MAX: 10_000,
      "P50.0": 2500,
    });
    expect(latency.data_points[0]?.values["P95.0"]).toBeCloseTo(8950);
    const states = await query({
      view_type: "TRACES",
      metric_name: "trace_count",
      aggregations: kinds("COUNT"),
      dimensions: ["trace_status"],
    });
    expect(states.data_points.map(({ dimensions, values }) => [dimensions, values])).toEqual([
      [{ trace_status: "ERROR" }, { COUNT: 1 }],
      [{ trace_status: "OK" }, { COUNT: 3 }],
    ]);
    const hours = await query({
      view_type: "TRACES",
      metric_name: "total_tokens",
      aggregations: kinds("SUM"),
      time_interval_seconds: 7200,
      start_time_ms: 1_699_999_200_000,
      end_time_ms: 1_700_010_000_000,
      filters: ["trace.status = 'OK'"],
    });
    expect(hours.data_points.map(({ dimensions, values }) => [dimensions, values])).toEqual([
      [{ time_bucket: "2023-11-14T22:00:00+00:00" }, { SUM: 3 }],
      [{ time_bucket: "2023-11-15T00:00:00+00:00" }, { SUM: 4 }],
    ]);
    const costs = await query({
      view_type: "SPANS",
      metric_name: "total_cost",
      aggregations: kinds("SUM"),
      dimensions: ["span_model_name"],
      filters: ["span.name = 'call'"],
    });
    expect(costs.data_points.map(({ dimensions, values }) => [dimensions, values])).toEqual([
      [{ span_model_name: "large" }, { SUM: 1.5 }],
      [{ span_model_name: "small" }, { SUM: 1.5 }],
    ]);
  });

  it("refuse what a metric doesn't have", async () => {
    const latency = { view_type: "TRACES", metric_name: "latency" };
    for (const wrong of [
      { ...latency, aggregations: kinds("SUM") },
      { ...latency, aggregations: kinds("PERCENTILE") },
      { ...latency, aggregations: kinds("AVG"), dimensions: ["trace_status"] },
      { ...latency, aggregations: kinds("AVG"), time_interval_seconds: 60 },
      { ...latency, aggregations: kinds("AVG"), filters: ["span.name = 'x'"] },
      { ...latency, aggregations: kinds("AVG"), filters: ["trace.status != 'x'"] },
      { ...latency, aggregations: [] },
      { view_type: "OTHER", metric_name: "latency", aggregations: kinds("AVG") },
      { view_type: "TRACES", metric_name: "__proto__", aggregations: kinds("AVG") },
    ]) {
      await query(wrong, 400);
    }
  });
});
