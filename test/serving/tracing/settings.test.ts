import { describe, expect, it } from "vitest";
import { isSampled } from "../../../src/serving/tracing/sampler.ts";
import { readTracing } from "../../../src/serving/tracing/settings.ts";
import { traceContext } from "../../../src/serving/tracing/trace-context.ts";

const ENDPOINT = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318/" };

describe("the environment's variables of OpenTelemetry", () => {
  it("ask for nothing where none names an endpoint, or one says no", () => {
    expect(readTracing({})).toEqual({ settings: undefined, warnings: [] });
    for (const off of [
      { OTEL_SDK_DISABLED: "true" },
      { OTEL_TRACES_EXPORTER: "none" },
      { OTEL_EXPORTER_OTLP_ENDPOINT: "" },
    ])
      expect(readTracing({ ...ENDPOINT, ...off })).toEqual({ settings: undefined, warnings: [] });
  });

  it("have the specification's defaults", () => {
    expect(readTracing(ENDPOINT)).toEqual({
      warnings: [],
      settings: {
        url: "http://collector:4318/v1/traces",
        headers: {},
        compresses: false,
        timeoutMs: 10_000,
        sampler: { followsParent: true, ratio: 1 },
        resource: { "service.name": "slipway" },
        batch: { delayMs: 5_000, maxSpans: 512, maxQueue: 2_048 },
      },
    });
  });

  it("are read, those for traces before the general ones", () => {
    const { settings, warnings } = readTracing({
      OTEL_EXPORTER_OTLP_ENDPOINT: "http://elsewhere",
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "https://c.example/in/traces?x=1",
      OTEL_EXPORTER_OTLP_HEADERS: "general=1",
      OTEL_EXPORTER_OTLP_TRACES_HEADERS: "authorization=Bearer%20a%3Db, x-two=2",
      OTEL_EXPORTER_OTLP_COMPRESSION: "gzip",
      OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: "2500",
      OTEL_TRACES_SAMPLER: "traceidratio",
      OTEL_TRACES_SAMPLER_ARG: "0.25",
      OTEL_RESOURCE_ATTRIBUTES: "service.name=other,deployment.environment.name=prod",
      OTEL_SERVICE_NAME: "predictions",
      OTEL_BSP_SCHEDULE_DELAY: "100",
      OTEL_BSP_MAX_QUEUE_SIZE: "64",
    });
    expect(warnings).toEqual([]);
    expect(settings).toEqual({
      url: "https://c.example/in/traces?x=1",
      headers: { authorization: "Bearer a=b", "x-two": "2" },
      compresses: true,
      timeoutMs: 2_500,
      sampler: { followsParent: false, ratio: 0.25 },
      resource: { "service.name": "predictions", "deployment.environment.name": "prod" },
      batch: { delayMs: 100, maxSpans: 64, maxQueue: 64 },
    });
  });

  it("are warned of when they can't be read, and never shown: they may be secrets", () => {
    const { settings, warnings } = readTracing({
      ...ENDPOINT,
      OTEL_EXPORTER_OTLP_HEADERS: "s3cret",
      OTEL_EXPORTER_OTLP_TIMEOUT: "soon",
      OTEL_TRACES_SAMPLER: "sometimes",
      OTEL_EXPORTER_OTLP_COMPRESSION: "zip",
    });
    expect(settings).toEqual(readTracing(ENDPOINT).settings);
    expect(warnings.map((line) => line.split(":")[0])).toEqual([
      "OTEL_EXPORTER_OTLP_HEADERS",
      "OTEL_EXPORTER_OTLP_COMPRESSION",
      "OTEL_EXPORTER_OTLP_TIMEOUT",
      "OTEL_TRACES_SAMPLER",
    ]);
    expect(warnings.join()).not.toContain("s3cret");
    const grpc = readTracing({ ...ENDPOINT, OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" });
    expect(grpc.settings).toBeUndefined();
    expect(grpc.warnings.join()).toContain("4318");
    const bad = readTracing({ OTEL_EXPORTER_OTLP_ENDPOINT: "collector:4318" });
    expect(bad.settings).toBeUndefined();
    expect(bad.warnings).toHaveLength(1);
  });
});

describe("a caller's trace", () => {
  const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
  const SPAN = "00f067aa0ba902b7";

  it("is gone on from as W3C Trace Context says", () => {
    expect(traceContext({ traceparent: `00-${TRACE}-${SPAN}-01`, tracestate: "a=1" })).toEqual({
      traceId: TRACE,
      spanId: SPAN,
      isSampled: true,
      traceState: "a=1",
    });
    expect(traceContext({ traceparent: `00-${TRACE}-${SPAN}-02` })?.isSampled).toBe(false);
    // A later version may say more.
    expect(traceContext({ traceparent: `cc-${TRACE}-${SPAN}-01-more` })?.traceId).toBe(TRACE);
  });

  it.each([
    undefined,
    "",
    `ff-${TRACE}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}-01-more`,
    `00-${TRACE.toUpperCase()}-${SPAN}-01`,
    `00-${"0".repeat(32)}-${SPAN}-01`,
    `00-${TRACE}-${"0".repeat(16)}-01`,
    `00-${TRACE}-${SPAN}`,
  ])("%s is none", (traceparent) => {
    expect(traceContext(traceparent === undefined ? {} : { traceparent })).toBeUndefined();
  });

  it("is kept or not as its caller decided, else by its own random bits", () => {
    const parent = (isSampled: boolean) => ({ traceId: TRACE, spanId: SPAN, isSampled, traceState: "" });
    const always = { followsParent: true, ratio: 1 };
    expect(isSampled(always, TRACE, parent(false))).toBe(false);
    expect(isSampled({ followsParent: true, ratio: 0 }, TRACE, parent(true))).toBe(true);
    expect(isSampled({ followsParent: false, ratio: 0 }, TRACE, parent(true))).toBe(false);
    const half = { followsParent: true, ratio: 0.5 };
    expect(isSampled(half, `${"0".repeat(18)}80000000000000`, undefined)).toBe(true);
    expect(isSampled(half, `${"f".repeat(18)}7fffffffffffff`, undefined)).toBe(false);
    expect(isSampled({ followsParent: true, ratio: 0 }, "f".repeat(32), undefined)).toBe(false);
  });
});
