import { execFileSync } from "node:child_process";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
// @ts-expect-error a plain module, shared with the tools that run without a build
import { ensurePython } from "../../../tools/python.mjs";
import type { Clock } from "../../../src/base/clock.ts";
import { encodeSpans } from "../../../src/serving/tracing/encode-spans.ts";
import { readTracing } from "../../../src/serving/tracing/settings.ts";
import type { Span } from "../../../src/serving/tracing/span.ts";
import { SpanExporter } from "../../../src/serving/tracing/span-exporter.ts";
import { startOtlpReceiver } from "../../support/otlp-receiver.ts";
import type { OtlpReceiver } from "../../support/otlp-receiver.ts";
import { eventually } from "../../support/serving-platform.ts";

let receiver: OtlpReceiver;
let notes: string[] = [];
let slept: number[] = [];

beforeEach(async () => {
  notes = [];
  slept = [];
  receiver = await startOtlpReceiver();
});
afterEach(() => receiver.close());

function exporter(env: Record<string, string> = {}): Promise<SpanExporter> {
  const { settings } = readTracing({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, ...env });
  if (settings === undefined) throw new Error("no settings");
  const clock: Clock = { now: () => 1_000, sleep: async (ms) => void slept.push(ms) };
  return SpanExporter.create({ settings, version: "1.2.3", clock, note: (line) => notes.push(line) });
}

function span(name: string, more: Partial<Span> = {}): Span {
  return {
    traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
    spanId: "00f067aa0ba902b7",
    parentId: "",
    traceState: "",
    name,
    kind: "server",
    startMs: 1_700_000_000_000.125,
    endMs: 1_700_000_000_001.5,
    attributes: {},
    error: undefined,
    ...more,
  };
}

const FULL = span("POST /é", {
  parentId: "b7ad6b7169203331",
  traceState: "a=1",
  attributes: { text: "é", whole: -3, part: 0.5, is: true },
  error: "status 500",
});

describe("spans", () => {
  it("are read by OpenTelemetry's own messages as they were written", () => {
    const body = encodeSpans(
      [FULL, span("root")],
      { "service.name": "s" },
      { name: "slipway", version: "1" },
    );
    const script = `
import sys, json
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from google.protobuf.json_format import MessageToDict
message = trace_service_pb2.ExportTraceServiceRequest.FromString(sys.stdin.buffer.read())
print(json.dumps(MessageToDict(message)))`;
    const told = JSON.parse(
      execFileSync((ensurePython as () => string)(), ["-c", script], {
        input: body as unknown as Uint8Array,
      }).toString(),
    ) as unknown;
    const base64 = (hex: string) => Buffer.from(hex, "hex").toString("base64");
    expect(told).toEqual({
      resourceSpans: [
        {
          resource: { attributes: [{ key: "service.name", value: { stringValue: "s" } }] },
          scopeSpans: [
            {
              scope: { name: "slipway", version: "1" },
              spans: [
                {
                  traceId: base64(FULL.traceId),
                  spanId: base64(FULL.spanId),
                  parentSpanId: base64(FULL.parentId),
                  traceState: "a=1",
                  name: "POST /é",
                  kind: "SPAN_KIND_SERVER",
                  startTimeUnixNano: "1700000000000125000",
                  endTimeUnixNano: "1700000000001500000",
                  attributes: [
                    { key: "text", value: { stringValue: "é" } },
                    { key: "whole", value: { intValue: "-3" } },
                    { key: "part", value: { doubleValue: 0.5 } },
                    { key: "is", value: { boolValue: true } },
                  ],
                  status: { message: "status 500", code: "STATUS_CODE_ERROR" },
                  flags: 0x301,
                },
                expect.objectContaining({ name: "root", flags: 0x101 }) as unknown,
              ],
            },
          ],
        },
      ],
    });
  });

  it("leave in batches, with the headers that were asked for, compressed", async () => {
    const own = await exporter({
      OTEL_BSP_MAX_EXPORT_BATCH_SIZE: "2",
      OTEL_EXPORTER_OTLP_HEADERS: "x-key=abc",
      OTEL_EXPORTER_OTLP_COMPRESSION: "gzip",
    });
    for (const name of ["a", "b", "c"]) own.add(span(name));
    await own.close(5_000);
    expect(receiver.requests.map(({ path }) => path)).toEqual(["/v1/traces", "/v1/traces"]);
    expect(receiver.requests[0]?.headers).toMatchObject({
      "content-type": "application/x-protobuf",
      "content-encoding": "gzip",
      "x-key": "abc",
    });
    expect(receiver.spans.map(({ name }) => name)).toEqual(["a", "b", "c"]);
    expect(receiver.spans[0]?.resource).toMatchObject({ "service.name": "slipway" });
    expect(own.counts).toEqual({ exported: 3, dropped: 0 });
  });

  it("leave after the delay when they are few", async () => {
    const own = await exporter({ OTEL_BSP_SCHEDULE_DELAY: "10" });
    own.add(span("one"));
    await eventually("a span", () => receiver.spans.length === 1);
    await own.close(1_000);
  });

  it("are sent again when the collector asks for it, after as long as it asks", async () => {
    receiver.answers.push({ status: 503, headers: { "retry-after": "7" } }, { status: 429 });
    const own = await exporter();
    own.add(span("one"));
    await own.close(5_000);
    expect(slept).toEqual([7_000, 2_000]);
    expect(own.counts).toEqual({ exported: 1, dropped: 0 });
  });

  it("are dropped, counted and told of when they aren't taken", async () => {
    // A partial success: 1 rejected span, and why.
    const partial = Buffer.from([0x0a, 0x07, 0x08, 0x01, 0x12, 0x03, 0x62, 0x61, 0x64]);
    receiver.answers.push({ status: 400 }, { status: 200, body: partial });
    const own = await exporter({ OTEL_BSP_MAX_EXPORT_BATCH_SIZE: "2" });
    for (const name of ["a", "b", "c", "d"]) own.add(span(name));
    await own.close(5_000);
    expect(own.counts).toEqual({ exported: 1, dropped: 3 });
    // Once a minute: what fails, fails for every batch.
    expect(notes).toEqual([expect.stringContaining("answered 400")]);
  });

  it("wait in a bounded queue, and keep nobody waiting at the end", async () => {
    receiver.answers.push("never");
    const own = await exporter({ OTEL_BSP_MAX_EXPORT_BATCH_SIZE: "1", OTEL_BSP_MAX_QUEUE_SIZE: "3" });
    own.add(span("under way"));
    await eventually("the first request", () => receiver.requests.length === 1);
    for (let i = 0; i < 10; i++) own.add(span(`${i}`));
    expect(own.counts.dropped).toBe(7);
    await own.close(10);
    expect(own.counts.exported).toBe(0);
  });

  it("are dropped where nobody listens", async () => {
    await receiver.close();
    const own = await exporter();
    own.add(span("one"));
    await own.close(5_000);
    expect(slept).toEqual([1_000, 2_000, 4_000]);
    expect(own.counts).toEqual({ exported: 0, dropped: 1 });
    expect(notes.join()).toContain("ECONNREFUSED");
  });
});
