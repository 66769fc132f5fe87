import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { WireWriter } from "../../../src/serving/grpc/wire/writer.ts";
import { WireReader } from "../../../src/serving/grpc/wire/reader.ts";
import { GrpcClient, framed } from "../../support/grpc-client.ts";
import { linearSoftmax } from "../../support/onnx.ts";
import { ruleFor, startServingPlatform, variantFor } from "../../support/serving-platform.ts";
import type { ServingPlatform } from "../../support/serving-platform.ts";

const NEVER = new AbortController().signal;
const INFER = "/inference.GRPCInferenceService/ModelInfer";

let platform: ServingPlatform;
let client: GrpcClient;

beforeAll(async () => {
  platform = await startServingPlatform();
  client = new GrpcClient(platform.grpcUrl);
  const modelDir = await platform.model(linearSoftmax());
  await platform.backend.prepare(variantFor("iris", 1, modelDir), NEVER);
  await platform.backend.route(ruleFor("iris"));
});

afterAll(async () => {
  client.close();
  await platform.close();
});

/** A ModelInferRequest of one input `x`. */
function request(options: {
  model?: string;
  id?: string;
  version?: string;
  shape?: number[];
  datatype?: string;
  raw?: Buffer[];
  contents?: (writer: WireWriter) => void;
}): Buffer {
  const writer = new WireWriter();
  writer.string(1, options.model ?? "iris");
  if (options.version !== undefined) writer.string(2, options.version);
  if (options.id !== undefined) writer.string(3, options.id);
  writer.message(5, (input) => {
    input.string(1, "x");
    input.string(2, options.datatype ?? "FP32");
    for (const size of options.shape ?? [1, 4]) input.integer(3, size);
    if (options.contents !== undefined) input.message(5, options.contents);
  });
  for (const raw of options.raw ?? []) writer.bytes(7, raw);
  return writer.finish();
}

function floats(...values: number[]): Buffer {
  return Buffer.from(new Float32Array(values).buffer);
}

const ROW = request({ id: "mine", raw: [floats(1, 2, 3, 4)] });

/** Fields of a message by number. */
function fields(message: Buffer): Map<number, Buffer[]> {
  const found = new Map<number, Buffer[]>();
  const reader = new WireReader(message);
  while (reader.hasMore) {
    const tag = reader.tag();
    const start = reader.position;
    let value: Buffer;
    if ((tag & 7) === 2) value = reader.bytes();
    else {
      reader.skip(tag);
      value = message.subarray(start, reader.position);
    }
    found.set(tag >>> 3, [...(found.get(tag >>> 3) ?? []), value]);
  }
  return found;
}

describe("ModelInfer", () => {
  it("answers raw tensors with raw tensors, and says who answered", async () => {
    const answer = await client.unary(INFER, ROW, { "x-slipway-request-id": "r-1" });
    expect(answer).toMatchObject({ status: 200, code: "OK" });
    expect(answer.metadata).toMatchObject({ "x-slipway-request-id": "r-1", "x-slipway-variant": "1" });
    const message = fields(answer.messages[0] as Buffer);
    expect(message.get(1)?.toString()).toBe("iris");
    expect(message.get(2)?.toString()).toBe("1");
    expect(message.get(3)?.toString()).toBe("mine");
    expect(message.get(6)?.length).toBe(message.get(5)?.length);
  });

  it("counts a call as one unit of traffic", async () => {
    const total = async () =>
      (await platform.backend.outcomes()).counters.reduce((sum, { finished }) => sum + finished, 0);
    const before = await total();
    await client.unary(INFER, ROW);
    expect(await total()).toBe(before + 1);
  });
});
