// What those do who call models and look after them, on one real platform where callers need a token.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
// @ts-expect-error a plain module, shared with the tools that run without a build
import { ensureEnginePython } from "../../tools/python.mjs";
import { METRICS } from "../../src/monitoring/metrics-table.ts";
import type { MetricRow } from "../../src/monitoring/metrics-table.ts";
import { startOtlpReceiver } from "../support/otlp-receiver.ts";
import type { OtlpReceiver } from "../support/otlp-receiver.ts";
import { readPrometheusPage } from "../support/prometheus-page.ts";
import type { PrometheusPage } from "../support/prometheus-page.ts";
import { runSnippet } from "../support/run-snippet.ts";
import { eventually, git, newFolder, removeFolder, run, slipway, startPlatform } from "./platform.ts";
import type { TestPlatform } from "./platform.ts";

const TABLE: Record<string, MetricRow> = METRICS;

describe("operating a platform", () => {
  const data = newFolder("operate");
  const outer = newFolder("operate-work");
  const home = newFolder("operate-home");
  const python = (ensureEnginePython as (name: string) => string)("kserve");
  let platform: TestPlatform & { token?: string };
  let token = "";
  let receiver: OtlpReceiver;

  const command = (...args: string[]) =>
    run(process.execPath, ["bin/slipway", ...args, "--url", platform.url], {
      env: { SLIPWAY_TOKEN: token, HOME: home, XDG_CONFIG_HOME: home },
    });
  const get = (path: string, headers: Record<string, string> = { authorization: `Bearer ${token}` }) =>
    fetch(platform.url + path, { headers });
  const scrape = async (): Promise<PrometheusPage> => {
    const answer = await get("/metrics");
    expect(answer.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    return readPrometheusPage(await answer.text());
  };

  beforeAll(async () => {
    receiver = await startOtlpReceiver();
    const tracing = {
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
      OTEL_EXPORTER_OTLP_HEADERS: "x-collector-key=abc",
      OTEL_BSP_SCHEDULE_DELAY: "20",
    };
    platform = await startPlatform(data, 0, tracing, ["--auth", "required"]);
    token = platform.token ?? "";
    const work = join(outer, "digits");
    await slipway(["init", work, "--template", "digits"]);
    await git(work, "add", "-A");
    await git(work, "commit", "-m", "first");
    const gitUrl = platform.gitUrl.replace("://", `://x:${token}@`);
    const pushed = await git(work, "push", `${gitUrl}/digits.git`, "HEAD:main");
    expect(pushed.code, pushed.output).toBe(0);
  });
  afterAll(async () => {
    await platform.stop();
    await receiver.close();
    for (const folder of [data, outer, home]) removeFolder(folder);
  });

  test("every snippet runs as it is printed, with the token from the environment", async () => {
    for (const protocol of ["v2", "v1", "invocations", "grpc"]) {
      const told = await command("call", "digits", "--json", "--protocol", protocol);
      expect(told.code, told.output).toBe(0);
      const { needsToken, snippets } = JSON.parse(told.output) as {
        needsToken: boolean;
        snippets: { lang: string; code: string }[];
      };
      expect(needsToken).toBe(true);
      expect(snippets.map(({ lang }) => lang)).toEqual(
        protocol === "grpc" ? ["python"] : ["curl", "python", "typescript"],
      );
      // The programs of the other two differ in their bodies alone, which test/cli/call.test.ts runs.
      const some = protocol === "v2" || protocol === "grpc" ? snippets : snippets.slice(0, 1);
      const ran = await Promise.all(
        some.map(({ lang, code }) => runSnippet(lang, code, { python, env: { SLIPWAY_TOKEN: token } })),
      );
      for (const { code, out, err } of ran) {
        expect(code, err).toBe(0);
        expect(out).toMatch(/label|\d/);
      }
    }
    const page = await command("call", "digits");
    expect(page.output).toContain("slipway token create");
    const refused = await runSnippet(
      "curl",
      page.output.slice(page.output.indexOf("curl -sS")).split("\n\n")[0] ?? "",
      {
        python,
        env: { SLIPWAY_TOKEN: "slipway_wrong" },
      },
    );
    expect(refused.code).toBe(22);
  });

  test("the example is sent, and answered by the champion", async () => {
    const sent = await command("call", "digits", "--send", "--json");
    expect(JSON.parse(sent.output)).toMatchObject({ status: 200, variant: "1" });
  });

  test("a load test counts by status and variant, and says whether it kept up", async () => {
    const loaded = await command(
      "load",
      "digits",
      "--rate",
      "50",
      "--for",
      "1s",
      "--warm-up",
      "200ms",
      "--json",
    );
    const report = JSON.parse(loaded.output) as {
      requests: { due: number; good: number };
      variants: Record<string, number>;
      latency: Record<string, number>;
      client: { keptUp: boolean };
    };
    expect(report.requests.due).toBeGreaterThan(10);
    expect(report.requests.good).toBe(report.requests.due);
    expect(report.variants).toEqual({ "1": report.requests.due });
    expect(report.latency["p99.9"]).toBeGreaterThanOrEqual(report.latency["p50"] ?? Infinity);
    expect(typeof report.client.keptUp).toBe("boolean");
    expect(loaded.code).toBe(0);
    const failing = await command(
      "load",
      "digits",
      "--rate",
      "20",
      "--for",
      "300ms",
      "--warm-up",
      "0",
      "--body",
      "package.json",
    );
    expect(failing.code).toBe(1);
    expect(failing.output).toMatch(/status 400 +\d/);
  });

  test("a load test that is interrupted shows what it has", async () => {
    const told = (page: PrometheusPage) =>
      page.samples
        .filter(({ name }) => name === "slipway_predictions_finished_total")
        .reduce((sum, { value }) => sum + value, 0);
    const before = told(await scrape());
    const args = ["load", "digits", "--rate", "100", "--for", "10m", "--warm-up", "0", "--json"];
    const child = spawn(process.execPath, ["bin/slipway", ...args, "--url", platform.url], {
      env: { ...process.env, SLIPWAY_TOKEN: token, HOME: home, XDG_CONFIG_HOME: home },
      stdio: ["ignore", "pipe", "inherit"],
    });
    let out = "";
    child.stdout.on("data", (bytes) => (out += String(bytes)));
    await eventually("some predictions", async () => (told(await scrape()) > before + 20 ? true : undefined));
    child.kill("SIGINT");
    await once(child, "close");
    const { requests, seconds } = JSON.parse(out) as { requests: { good: number }; seconds: number };
    expect(requests.good).toBeGreaterThan(10);
    expect(seconds).toBeLessThan(300);
  });

  test("predictions are traced as the environment's variables of OpenTelemetry say", async () => {
    const sent = JSON.parse((await command("call", "digits", "--send", "--json")).output) as {
      requestId: string;
    };
    const span = await eventually("its span", async () =>
      receiver.spans.find(({ attributes }) => attributes["slipway.request.id"] === sent.requestId),
    );
    expect(span.resource["service.name"]).toBe("slipway");
    expect(receiver.requests[0]?.headers["x-collector-key"]).toBe("abc");
    const { samples } = await scrape();
    const exported = samples.find(
      ({ name, labels }) => name === "slipway_trace_spans_total" && labels["result"] === "exported",
    );
    expect(exported?.value).toBeGreaterThan(3);
  });

  test("what is scraped is what the table says, both ways", async () => {
    await get("/v2/models/nobody/infer");
    await fetch(`${platform.url}/v2/models/nobody/infer`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}` },
      body: "{}",
    });
    const { types, helps, samples } = await scrape();
    expect([...types.keys()]).toEqual(Object.keys(TABLE));
    expect([...helps]).toEqual(Object.keys(TABLE));
    const seen = new Set<string>();
    for (const { name, labels, value } of samples) {
      const family = TABLE[name] === undefined ? name.replace(/_(bucket|sum|count)$/, "") : name;
      const row = TABLE[family];
      expect(row, name).toBeDefined();
      expect(types.get(family)).toBe(row?.type);
      const { le, ...own } = labels;
      expect(le !== undefined).toBe(name.endsWith("_bucket"));
      expect(Object.keys(own), name).toEqual(row?.labels);
      if (row?.type !== "gauge") expect(value, name).toBeGreaterThanOrEqual(0);
      seen.add(family);
    }
    // What isn't there says when it would be.
    for (const [name, { when }] of Object.entries(TABLE))
      if (!seen.has(name)) expect(when, `${name} has no samples`).toBeDefined();
    const sum = (name: string, want: Record<string, string>) =>
      samples
        .filter(
          (one) =>
            one.name === name && Object.entries(want).every(([key, value]) => one.labels[key] === value),
        )
        .reduce((total, { value }) => total + value, 0);
    const digits = { service: "digits", version: "1" };
    const good = sum("slipway_prediction_requests_total", { ...digits, status: "200" });
    expect(good).toBeGreaterThan(50);
    expect(sum("slipway_prediction_requests_total", { ...digits, protocol: "grpc", status: "200" })).toBe(1);
    expect(sum("slipway_prediction_requests_total", { service: "", version: "", status: "404" })).toBe(1);
    expect(sum("slipway_prediction_requests_total", { ...digits, status: "400" })).toBeGreaterThan(0);
    // The contract check and the warm-up ran the model, too.
    expect(sum("slipway_prediction_compute_seconds_count", digits)).toBeGreaterThanOrEqual(good);
    expect(sum("slipway_prediction_compute_seconds_sum", digits)).toBeGreaterThan(0);
    expect(sum("slipway_batch_requests_sum", digits)).toBe(
      sum("slipway_prediction_queue_seconds_count", digits),
    );
    expect(sum("slipway_workers", { ...digits, state: "ready" })).toBe(1);
    expect(sum("slipway_service_ready", { service: "digits" })).toBe(1);
    expect(sum("slipway_service_traffic_ratio", { ...digits, arm: "champion" })).toBe(1);
    expect(sum("slipway_pipeline_runs", { project: "digits", state: "succeeded" })).toBe(1);
    expect(sum("slipway_pipeline_last_end_timestamp_seconds", { state: "succeeded" })).toBeGreaterThan(1.7e9);
    expect(sum("slipway_rollouts", { service: "digits" })).toBe(1);
    expect(sum("slipway_store_writes_total", { result: "ok" })).toBeGreaterThan(10);
    for (const process of ["serve", "control"])
      expect(sum("slipway_process_resident_memory_bytes", { process })).toBeGreaterThan(10e6);
  });

  test("histograms are cumulative and end with their count", async () => {
    const { samples } = await scrape();
    const buckets = new Map<string, { le: number; value: number }[]>();
    for (const { name, labels, value } of samples) {
      if (!name.endsWith("_bucket")) continue;
      const { le = "", ...own } = labels;
      const key = name.replace("_bucket", "_count") + JSON.stringify(own);
      buckets.set(key, [...(buckets.get(key) ?? []), { le: Number(le.replace("+Inf", "Infinity")), value }]);
    }
    expect(buckets.size).toBeGreaterThan(4);
    for (const [key, list] of buckets) {
      expect(list.at(-1)?.le).toBe(Infinity);
      for (const [i, one] of list.slice(1).entries()) {
        expect(one.le).toBeGreaterThan(list[i]?.le ?? Infinity);
        expect(one.value).toBeGreaterThanOrEqual(list[i]?.value ?? Infinity);
      }
      const count = samples.find(({ name, labels }) => name + JSON.stringify(labels) === key);
      expect(count?.value).toBe(list.at(-1)?.value);
    }
  });
});
