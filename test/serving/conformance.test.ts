import { afterAll, beforeAll, describe, expect, it } from "vitest";
// @ts-expect-error a plain module, which runs without a build
import { grpcClient } from "../../conformance/grpc-client.mjs";
// @ts-expect-error a plain module, which runs without a build
import { restClient } from "../../conformance/rest-client.mjs";
// @ts-expect-error a plain module, which runs without a build
import { runSuite } from "../../conformance/suite.mjs";
import { echo, linearSoftmax } from "../support/onnx.ts";
import type { Element } from "../support/onnx.ts";
import { ruleFor, startServingPlatform, variantFor } from "../support/serving-platform.ts";
import type { ServingPlatform } from "../support/serving-platform.ts";

const TYPES: Element[] = [
  "BOOL",
  "INT8",
  "INT16",
  "INT32",
  "INT64",
  "UINT8",
  "UINT16",
  "UINT32",
  "UINT64",
  "FP16",
  "FP64",
  "BYTES",
];

interface Result {
  area: string;
  name: string;
  result: string;
  why?: string;
}

let platform: ServingPlatform;

beforeAll(async () => {
  platform = await startServingPlatform();
  const never = new AbortController().signal;
  const serve = async (service: string, file: Uint8Array) => {
    await platform.backend.prepare(variantFor(service, 1, await platform.model(file)), never);
    await platform.backend.route(ruleFor(service));
  };
  await serve("digits", linearSoftmax());
  for (const type of TYPES) await serve(`echo-${type}`, echo(type));
}, 60_000);

afterAll(() => platform?.close());

describe("the conformance suite", () => {
  it("passes whole over REST, with all offered", async () => {
    const client = (restClient as (url: string) => unknown)(platform.url);
    const models = ["digits", ...TYPES.map((type) => `echo-${type}`)];
    const run = runSuite as (client: unknown, options: { models: string[] }) => Promise<Result[]>;
    const results = await run(client, { models });
    expect(results.filter(({ result }) => result !== "pass")).toEqual([]);
    expect(results.length).toBeGreaterThan(100);
  }, 30_000);

  it("passes whole over gRPC, with all offered", async () => {
    const client = (grpcClient as (address: string) => { close(): Promise<void> })(platform.grpcUrl);
    const models = ["digits", ...TYPES.map((type) => `echo-${type}`)];
    const run = runSuite as (client: unknown, options: { models: string[] }) => Promise<Result[]>;
    const results = await run(client, { models });
    await client.close();
    expect(results.filter(({ result }) => result !== "pass")).toEqual([]);
    expect(results.length).toBeGreaterThan(50);
  }, 30_000);
});
