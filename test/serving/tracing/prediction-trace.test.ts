import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { encode } from "../../../src/serving/grpc/wire/schema.ts";
import { readTracing } from "../../../src/serving/tracing/settings.ts";
import { GrpcClient, framed } from "../../support/grpc-client.ts";
import { linearSoftmax } from "../../support/onnx.ts";
import { startOtlpReceiver } from "../../support/otlp-receiver.ts";
import type { OtlpReceiver, ReceivedSpan } from "../../support/otlp-receiver.ts";
import { eventually, ruleFor, startServingPlatform, variantFor } from "../../support/serving-platform.ts";
import type { ServingPlatform } from "../../support/serving-platform.ts";

const BODY = JSON.stringify({ inputs: [{ name: "x", shape: [1, 4], datatype: "FP32", data: [1, 2, 3, 4] }] });
const PARENT = "00f067aa0ba902b7";

let receiver: OtlpReceiver;
let platform: ServingPlatform;
let traces = 0;

beforeAll(async () => {
  receiver = await startOtlpReceiver();
  const { settings } = readTracing({
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
    OTEL_BSP_SCHEDULE_DELAY: "10",
    OTEL_SERVICE_NAME: "test",
  });
  platform = await startServingPlatform(settings && { tracing: settings });
  const variant = variantFor("digits", 1, await platform.model(linearSoftmax()));
  await platform.backend.prepare(variant, new AbortController().signal);
  await platform.backend.route(ruleFor("digits", { maxBodyBytes: 10_000 }));
}, 60_000);

afterAll(async () => {
  await platform?.close();
  await receiver?.close();
});

/** A new trace's id, and the header that names it. */
function newTrace(flags = "01"): { traceId: string; traceparent: string } {
  const traceId = `4bf92f3577b34da6a3ce929d${String((traces += 1)).padStart(8, "0")}`;
  return { traceId, traceparent: `00-${traceId}-${PARENT}-${flags}` };
}

function post(path: string, headers: Record<string, string>, body = BODY): Promise<Response> {
  return fetch(platform.url + path, { method: "POST", headers, body });
}

/** All spans of a trace, once its last one, the request's own, has come. */
async function spansOf(traceId: string): Promise<{ root: ReceivedSpan; children: ReceivedSpan[] }> {
  const mine = () => receiver.spans.filter((span) => span.traceId === traceId);
  const root = await eventually("the request's span", () =>
    mine().find(({ parentId }) => parentId === PARENT),
  );
  return { root, children: mine().filter((span) => span !== root) };
}

describe("the trace of a prediction", () => {
  it("goes on from its caller's: the request, its wait and the model's run", async () => {
    const { traceId, traceparent } = newTrace();
    const answer = await post("/v2/models/digits/infer?x=1", {
      traceparent,
      tracestate: "vendor=1",
      "x-slipway-request-id": "trace-me",
    });
    expect(answer.status).toBe(200);
    const { root, children } = await spansOf(traceId);
    expect(root).toMatchObject({ name: "POST /v2/models/{model}/infer", status: { code: 0 } });
    expect(root.attributes).toEqual({
      "http.request.method": "POST",
      "http.route": "/v2/models/{model}/infer",
      "url.scheme": "http",
      "url.path": "/v2/models/digits/infer",
      "http.response.status_code": 200,
      "server.address": "127.0.0.1",
      "server.port": platform.port,
      "slipway.request.id": "trace-me",
      "slipway.protocol": "v2",
      "slipway.model.name": "digits",
      "slipway.model.version": 1,
      "slipway.arm": "champion",
    });
    expect(root.resource).toMatchObject({ "service.name": "test", "service.version": "0.0.0" });
    expect(children.map(({ name, parentId }) => [name, parentId])).toEqual([
      ["queue", root.spanId],
      ["compute", root.spanId],
    ]);
    const [queue, compute] = children as [ReceivedSpan, ReceivedSpan];
    expect(compute.attributes).toEqual({ "slipway.model.version": 1, "slipway.batch.requests": 1 });
    const order = [root.startNs, queue.startNs, queue.endNs, compute.startNs, compute.endNs, root.endNs];
    expect(order).toEqual([...order].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0)));
    expect(queue.endNs).toBe(compute.startNs);
  });

  it("isn't made where its caller decided so, or costs nothing", async () => {
    const without = newTrace("00");
    await post("/v2/models/digits/infer", { traceparent: without.traceparent });
    const { traceId, traceparent } = newTrace();
    await post("/v1/models/digits:predict", { traceparent }, '{"instances":[[1,2,3,4]]}');
    const { root } = await spansOf(traceId);
    expect(root.name).toBe("POST /v1/models/{model}:predict");
    expect(receiver.spans.some((span) => span.traceId === without.traceId)).toBe(false);
  });

  it("begins where no caller has one", async () => {
    const answer = await post("/v2/models/digits/versions/1/infer", { "x-slipway-request-id": "alone" });
    expect(answer.status).toBe(200);
    const root = await eventually("a root", () =>
      receiver.spans.find(({ attributes }) => attributes["slipway.request.id"] === "alone"),
    );
    expect(root.parentId).toBeNull();
    expect(root.traceId).toMatch(/^[0-9a-f]{32}$/);
    expect(root.name).toBe("POST /v2/models/{model}/versions/{version}/infer");
  });

  it.each([
    ["/v2/models/nobody/infer", BODY, 404],
    ["/v2/models/digits/infer", "{", 400],
    ["/v2/models/digits/infer", "x".repeat(20_000), 413],
  ] as const)("tells of a refusal: %s %#", async (path, body, status) => {
    const { traceId, traceparent } = newTrace();
    expect((await post(path, { traceparent }, body)).status).toBe(status);
    const { root } = await spansOf(traceId);
    expect(root.attributes["http.response.status_code"]).toBe(status);
    // The caller's mistake is no error of the server.
    expect(root.status.code).toBe(0);
  });

  it("goes on from a gRPC caller's, by the conventions for gRPC", async () => {
    const client = new GrpcClient(platform.grpcUrl);
    const message = encode(
      { name: "ModelInferRequest", fields: { model_name: [1, "string"] } },
      { model_name: "nobody" },
    );
    const { traceId, traceparent } = newTrace();
    const answer = await client.call("/inference.GRPCInferenceService/ModelInfer", framed(message), {
      traceparent,
    });
    expect(answer.code).toBe("NOT_FOUND");
    client.close();
    const { root } = await spansOf(traceId);
    expect(root.name).toBe("inference.GRPCInferenceService/ModelInfer");
    expect(root.attributes).toMatchObject({
      "rpc.system.name": "grpc",
      "rpc.method": "inference.GRPCInferenceService/ModelInfer",
      "rpc.response.status_code": "NOT_FOUND",
      "error.type": "NOT_FOUND",
      "slipway.protocol": "grpc",
    });
    expect(root.status.code).toBe(0);
  });

  it("is counted when it has left", async () => {
    const { spans } = await platform.backend.figures();
    expect(spans?.exported).toBeGreaterThan(5);
    expect(spans?.dropped).toBe(0);
  });
});
