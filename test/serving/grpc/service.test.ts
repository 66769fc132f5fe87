import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { deflateSync, gzipSync } from "node:zlib";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { WireReader } from "../../../src/serving/grpc/wire/reader.ts";
import { WireWriter } from "../../../src/serving/grpc/wire/writer.ts";
import { GrpcClient, framed } from "../../support/grpc-client.ts";
import { linearSoftmax, spinning } from "../../support/onnx.ts";
import { eventually, ruleFor, startServingPlatform, variantFor } from "../../support/serving-platform.ts";
import type { ServingPlatform } from "../../support/serving-platform.ts";

const NEVER = new AbortController().signal;
const SERVICE = "/inference.GRPCInferenceService";
const INFER = `${SERVICE}/ModelInfer`;

let platform: ServingPlatform;
let client: GrpcClient;
let serve = 0;

beforeAll(async () => {
  platform = await startServingPlatform();
  client = new GrpcClient(platform.grpcUrl);
  const start = async (service: string, file: Uint8Array, more: object = {}) => {
    await platform.backend.prepare(variantFor(service, 1, await platform.model(file)), NEVER);
    await platform.backend.route(ruleFor(service, more));
  };
  await start("iris", linearSoftmax());
  await start("spin", spinning(), { timeoutMs: 20_000 });
  serve = platform.pid("serve");
}, 30_000);

afterAll(async () => {
  client?.close();
  await platform?.close();
});

interface Input {
  name?: string;
  datatype?: string;
  shape?: number[];
  contents?(writer: WireWriter): void;
}

/** A ModelInferRequest; one input `x` unless told otherwise. */
function request(
  options: { model?: string; version?: string; id?: string; inputs?: Input[]; raw?: Buffer[] } = {},
): Buffer {
  const writer = new WireWriter();
  writer.string(1, options.model ?? "iris");
  if (options.version !== undefined) writer.string(2, options.version);
  if (options.id !== undefined) writer.string(3, options.id);
  for (const input of options.inputs ?? [{}])
    writer.message(5, (inner) => {
      inner.string(1, input.name ?? "x");
      inner.string(2, input.datatype ?? "FP32");
      for (const size of input.shape ?? [1, 4]) inner.integer(3, size);
      if (input.contents !== undefined) inner.message(5, (contents) => input.contents?.(contents));
    });
  for (const raw of options.raw ?? []) writer.bytes(7, raw);
  return writer.finish();
}

function floats(...values: number[]): Buffer {
  return Buffer.from(new Float32Array(values).buffer);
}

const ROW = request({ id: "mine", raw: [floats(1, 2, 3, 4)] });
/** Takes seconds. */
const SLOW = request({
  model: "spin",
  inputs: [{ name: "size", datatype: "INT64", shape: [2] }],
  raw: [Buffer.from(new BigInt64Array([600n, 600n]).buffer)],
});

/** The length-delimited fields of a message by number. */
function fields(message: Buffer): Map<number, string[]> {
  const found = new Map<number, string[]>();
  const reader = new WireReader(message);
  while (reader.hasMore) {
    const tag = reader.tag();
    if ((tag & 7) !== 2) reader.skip(tag);
    else found.set(tag >>> 3, [...(found.get(tag >>> 3) ?? []), reader.bytes().toString()]);
  }
  return found;
}

async function counters(service: string) {
  const { counters: all } = await platform.backend.outcomes();
  const own = all.filter((counter) => counter.service === service);
  return {
    started: own.reduce((sum, { started }) => sum + started, 0),
    finished: own.reduce((sum, { finished }) => sum + finished, 0),
    failed: own.reduce((sum, { failed }) => sum + failed, 0),
    aborted: own.reduce((sum, { aborted }) => sum + aborted, 0),
  };
}

describe("ModelInfer", () => {
  it("answers raw tensors with raw tensors, and says who answered", async () => {
    const answer = await client.unary(INFER, ROW, { "x-slipway-request-id": "r-1" });
    expect(answer).toMatchObject({ status: 200, code: "OK" });
    expect(answer.metadata).toMatchObject({ "x-slipway-request-id": "r-1", "x-slipway-variant": "1" });
    const message = fields(answer.messages[0] as Buffer);
    expect([message.get(1), message.get(2), message.get(3)]).toEqual([["iris"], ["1"], ["mine"]]);
    expect(message.get(6)).toHaveLength(2);
  });

  it("names a request itself when the caller doesn't, or not well", async () => {
    for (const id of [undefined, "not a name"]) {
      const answer = await client.unary(INFER, ROW, id === undefined ? {} : { "x-slipway-request-id": id });
      expect(answer.metadata["x-slipway-request-id"]).toMatch(/^[0-9a-z]+-[0-9a-z]+$/);
    }
  });

  it("counts and logs a call as one unit of traffic", async () => {
    const before = await counters("iris");
    await client.unary(INFER, ROW, { "x-slipway-request-id": "logged" });
    await client.unary(INFER, request({ raw: [floats(1)] }));
    const after = await counters("iris");
    expect(after.finished - before.finished).toBe(2);
    expect(after.failed - before.failed).toBe(1);
    const { records } = await platform.backend.predictions("", 1_000, ["iris"]);
    const record = records.find(({ requestId }) => requestId === "logged");
    expect(record).toMatchObject({ service: "iris", version: 1, status: 200, arm: "champion" });
    expect(record?.prediction).toBeDefined();
  });

  it("takes messages that come byte by byte, packed or not", async () => {
    const bytes = [...framed(ROW)].map((byte) => Buffer.from([byte]));
    expect((await client.call(INFER, bytes)).code).toBe("OK");
    for (const [encoding, pack] of [["gzip", gzipSync] as const, ["deflate", deflateSync] as const]) {
      const packed = framed(pack(ROW as unknown as Uint8Array), 1);
      expect((await client.call(INFER, packed, { "grpc-encoding": encoding })).code).toBe("OK");
      expect((await client.unary(INFER, ROW, { "grpc-encoding": encoding })).code).toBe("OK");
    }
  });

  it("keeps the caller's deadline, and counts it as a failure of the model", async () => {
    const answer = await client.unary(INFER, SLOW, { "grpc-timeout": "100m" });
    expect(answer.code).toBe("DEADLINE_EXCEEDED");
    expect(answer.message).toContain("the caller's own deadline");
    expect((await counters("spin")).failed).toBe(1);
    expect((await client.unary(INFER, ROW, { "grpc-timeout": "soon" })).code).toBe("INVALID_ARGUMENT");
  });

  it("counts a caller who leaves as an aborted unit", async () => {
    const before = await counters("spin");
    const leaving = new GrpcClient(platform.grpcUrl);
    const call = leaving.unary(INFER, SLOW);
    await eventually("its begin", async () => (await counters("spin")).started === before.started + 1);
    leaving.close();
    expect((await call).code).toBeUndefined();
    await eventually("the aborted unit", async () => (await counters("spin")).aborted === before.aborted + 1);
  });
});

describe("what can't be answered", () => {
  it.each([
    ["an unknown model", request({ model: "nobody", raw: [floats(1, 2, 3, 4)] }), "NOT_FOUND", "nobody"],
    ["an unknown version", request({ version: "7", raw: [floats(1, 2, 3, 4)] }), "NOT_FOUND", "version 7"],
    [
      "a version that is none",
      request({ version: "latest", raw: [floats(1, 2, 3, 4)] }),
      "NOT_FOUND",
      "latest",
    ],
    ["no data", request(), "INVALID_ARGUMENT", "has no data"],
    [
      "too few raw tensors",
      request({ inputs: [{}, {}], raw: [floats(1)] }),
      "INVALID_ARGUMENT",
      "1 tensors for 2",
    ],
    ["a raw tensor of another size", request({ raw: [floats(1, 2)] }), "INVALID_ARGUMENT", "4 values"],
    ["no inputs", request({ inputs: [] }), "INVALID_ARGUMENT", "missing"],
    [
      "an input twice",
      request({ inputs: [{}, {}], raw: [floats(1, 2, 3, 4), floats(1, 2, 3, 4)] }),
      "INVALID_ARGUMENT",
      "twice",
    ],
    [
      "a negative size",
      request({ inputs: [{ shape: [-1, 4], contents: (c) => c.bytes(6, floats(1, 2, 3, 4)) }] }),
      "INVALID_ARGUMENT",
      "negative",
    ],
    [
      "a size beyond all numbers",
      request({ inputs: [{ shape: [2 ** 52, 2 ** 52], contents: (c) => c.bytes(6, floats(1)) }] }),
      "INVALID_ARGUMENT",
      "fewer",
    ],
    [
      "typed beside raw",
      request({ inputs: [{ contents: (c) => c.bytes(6, floats(1, 2, 3, 4)) }], raw: [floats(1, 2, 3, 4)] }),
      "INVALID_ARGUMENT",
      "beside",
    ],
    [
      "the wrong typed field",
      request({ inputs: [{ contents: (c) => c.bytes(7, floats(1, 2, 3, 4)) }] }),
      "INVALID_ARGUMENT",
      "fp32_contents",
    ],
    [
      "half an element",
      request({ inputs: [{ contents: (c) => c.bytes(6, Buffer.alloc(15)) }] }),
      "INVALID_ARGUMENT",
      "ends inside",
    ],
    [
      "a typed FP16",
      request({ inputs: [{ datatype: "FP16", contents: (c) => c.bytes(6, floats(1)) }] }),
      "INVALID_ARGUMENT",
      "raw_input_contents",
    ],
    [
      "INT8 out of range",
      request({ inputs: [{ datatype: "INT8", shape: [1], contents: (c) => c.integer(2, 300) }] }),
      "INVALID_ARGUMENT",
      "300",
    ],
    [
      "a made-up datatype",
      request({ inputs: [{ datatype: "__proto__", shape: [1], contents: (c) => c.integer(2, 1) }] }),
      "INVALID_ARGUMENT",
      "__proto__",
    ],
    [
      "65 dimensions",
      request({ inputs: [{ shape: Array(65).fill(1) as number[] }] }),
      "INVALID_ARGUMENT",
      "dimensions",
    ],
    [
      "2000 tensors",
      request({ inputs: Array.from({ length: 2_000 }, () => ({})) }),
      "INVALID_ARGUMENT",
      "tensors",
    ],
  ] as const)("%s", async (_what, message, code, says) => {
    const answer = await client.unary(INFER, message);
    expect(answer.code).toBe(code);
    expect(answer.message).toContain(says);
  });

  it.each([
    ["a message cut short", [framed(ROW).subarray(0, 40)], {}, "INVALID_ARGUMENT"],
    ["two messages", [framed(ROW), framed(ROW)], {}, "INVALID_ARGUMENT"],
    ["no message", [], {}, "INVALID_ARGUMENT"],
    ["a length that lies", [Buffer.from([0, 0xff, 0xff, 0xff, 0xff, 1, 2])], {}, "RESOURCE_EXHAUSTED"],
    ["more than maxBody", [framed(Buffer.alloc(150_000))], {}, "RESOURCE_EXHAUSTED"],
    [
      "a bomb",
      [framed(gzipSync(new Uint8Array(50_000_000)), 1)],
      { "grpc-encoding": "gzip" },
      "RESOURCE_EXHAUSTED",
    ],
    ["no gzip", [framed(ROW, 1)], { "grpc-encoding": "gzip" }, "INVALID_ARGUMENT"],
    ["packed without saying how", [framed(ROW, 1)], {}, "INVALID_ARGUMENT"],
    ["an unknown packing", [framed(ROW, 1)], { "grpc-encoding": "snappy" }, "UNIMPLEMENTED"],
    ["a flag that means nothing", [framed(ROW, 2)], {}, "INVALID_ARGUMENT"],
  ] as const)("%s", async (_what, pieces, headers, code) => {
    expect((await client.call(INFER, [...pieces], headers)).code).toBe(code);
  });

  it("tells an unknown method from what isn't gRPC", async () => {
    expect((await client.unary(`${SERVICE}/ModelStreamInfer`, ROW)).code).toBe("UNIMPLEMENTED");
    expect((await client.unary("/no.Such/Method", ROW)).code).toBe("UNIMPLEMENTED");
    const json = await client.unary(INFER, ROW, { "content-type": "application/json" });
    expect(json).toMatchObject({ status: 415, code: undefined });
    expect((await client.unary(INFER, ROW, { ":method": "PUT" })).status).toBe(405);
  });

  it("refuses hosts and origins as HTTP does", async () => {
    expect((await client.unary(INFER, ROW, { ":authority": "evil.example" })).code).toBe("PERMISSION_DENIED");
    expect((await client.unary(INFER, ROW, { ":authority": "slipway.test" })).code).toBe("OK");
    expect((await client.unary(INFER, ROW, { origin: "http://evil.example" })).code).toBe(
      "PERMISSION_DENIED",
    );
  });

  it("survives whatever bytes come, in every method", async () => {
    const methods = ["ModelInfer", "ModelReady", "ModelMetadata", "RepositoryIndex", "RepositoryModelUnload"];
    const damaged = fc
      .tuple(fc.nat(ROW.length - 1), fc.uint8Array({ maxLength: 12 }), fc.boolean())
      .map(([at, bytes, isCut]) =>
        Buffer.concat([
          ROW.subarray(0, at),
          Buffer.from(bytes),
          isCut ? Buffer.alloc(0) : ROW.subarray(at + 1),
        ] as unknown as Uint8Array[]),
      );
    const any = fc.oneof(
      damaged,
      fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
    );
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...methods), any, async (method, message) => {
        const { code } = await client.unary(`${SERVICE}/${method}`, message);
        expect(["OK", "INVALID_ARGUMENT", "NOT_FOUND", "UNIMPLEMENTED", "FAILED_PRECONDITION"]).toContain(
          code,
        );
      }),
      { numRuns: 300 },
    );
    expect((await client.unary(INFER, ROW)).code).toBe("OK");
    expect(platform.pid("serve")).toBe(serve);
    const log = await readFile(join(platform.dataDir, "logs", "serve.log"), "utf8").catch(() => "");
    expect(log).toBe("");
  }, 30_000);
});
