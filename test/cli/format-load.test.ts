import { describe, expect, it } from "vitest";
import { formatLoad, loadReport } from "../../src/cli/format-load.ts";
import type { OpenLoopResult } from "../../src/load/open-loop.ts";

function result(more: Partial<OpenLoopResult> = {}): OpenLoopResult {
  return {
    due: 4,
    statuses: new Map([
      [200, 3],
      [503, 1],
    ]),
    variants: new Map([["7", 3]]),
    failures: new Map(),
    dropped: 0,
    waited: 0,
    latencies: Float64Array.from([1, 2, 30]),
    lags: Float64Array.from([0, 0.5, 1, 1]),
    seconds: 2,
    cpuSeconds: 0.2,
    ...more,
  };
}

describe("what a load test found", () => {
  it("is shown with the rate that was had, by status and version", () => {
    const report = loadReport(result(), 2);
    expect(report.rate).toEqual({ asked: 2, had: 1.5 });
    expect(report.latency).toEqual({ p50: 2, p90: 30, p95: 30, p99: 30, "p99.9": 30, max: 30 });
    expect(report.client).toEqual({ keptUp: true, lateP99: 1, lateMax: 1, cpu: 0.1 });
    const text = formatLoad(report, 64);
    expect(text).toMatch(/status 503 +1\n/);
    expect(text).toMatch(/good, by version 7 +3\n/);
    expect(text).not.toContain("!");
  });

  it.each([
    ["was late", { lags: Float64Array.from([0, 0, 0, 9]) }],
    ["had no processor left", { cpuSeconds: 1.95 }],
  ])("is doubted when the client %s", (_how, more) => {
    const report = loadReport(result(more), 2);
    expect(report.client.keptUp).toBe(false);
    expect(formatLoad(report, 64)).toContain("! This client couldn't keep up");
  });

  it("says how many waited for a connection", () => {
    const text = formatLoad(loadReport(result({ waited: 5 }), 2), 64);
    expect(text).toContain("! 5 requests waited for one of 64 connections");
  });

  it("has no latencies where nothing answered", () => {
    const empty = result({
      statuses: new Map(),
      variants: new Map(),
      failures: new Map([["ECONNREFUSED", 4]]),
      latencies: new Float64Array(),
    });
    const report = loadReport(empty, 2);
    expect(report.latency.p99).toBeNull();
    const text = formatLoad(report, 64);
    expect(text).toMatch(/no answer \(ECONNREFUSED\) +4\n/);
    expect(text).toMatch(/milliseconds +- +-/);
  });
});
