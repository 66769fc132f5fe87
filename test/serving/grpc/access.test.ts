import { mkdtempSync, rmSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { digestOf } from "../../../src/http/credentials.ts";
import { createGuard } from "../../../src/http/guard.ts";
import { createGrpc } from "../../../src/serving/grpc/create-grpc.ts";
import type { GrpcServer } from "../../../src/serving/grpc/server.ts";
import { WireWriter } from "../../../src/serving/grpc/wire/writer.ts";
import { CallerBook } from "../../../src/serving/router/caller-book.ts";
import { FakeServing } from "../../support/fake-serving.ts";
import { GrpcClient } from "../../support/grpc-client.ts";
import { eventually, ruleFor } from "../../support/serving-platform.ts";

const SERVICE = "/inference.GRPCInferenceService";
const TOKEN = "slip_test_token";
const EMPTY = Buffer.alloc(0);

let folder: string;
let serving: FakeServing;
let grpc: GrpcServer;
let client: GrpcClient;
let callers: CallerBook;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "slipway-grpc-"));
  serving = new FakeServing(ruleFor("iris"));
  callers = new CallerBook({
    path: join(folder, "tokens.json"),
    platformSha256: digestOf(TOKEN),
    stepSha256: digestOf("of steps"),
    now: () => 0,
  });
  grpc = createGrpc({
    ...serving.deps,
    version: "1.2.3",
    guard: createGuard({ host: "127.0.0.1", allowedHosts: [] }),
    callers,
  });
  grpc.server.listen(0, "127.0.0.1");
  await once(grpc.server, "listening");
  client = new GrpcClient(`127.0.0.1:${(grpc.server.address() as AddressInfo).port}`);
});

afterAll(async () => {
  client.close();
  await grpc.drain(100);
  rmSync(folder, { recursive: true, force: true });
});

function request(): Buffer {
  const writer = new WireWriter();
  writer.string(1, "iris");
  writer.message(5, (input) => input.string(1, "x"));
  writer.bytes(7, Buffer.alloc(4));
  return writer.finish();
}

const withToken = { authorization: `Bearer ${TOKEN}` };

describe("a platform that asks for a token", () => {
  it("takes it from the metadata", async () => {
    const without = await client.unary(`${SERVICE}/ServerMetadata`, EMPTY);
    expect(without).toMatchObject({ code: "UNAUTHENTICATED" });
    expect(without.message).toContain("token");
    const wrong = { authorization: "Bearer slip_other" };
    expect((await client.unary(`${SERVICE}/ModelInfer`, request(), wrong)).code).toBe("UNAUTHENTICATED");
    const right = await client.unary(`${SERVICE}/ServerMetadata`, EMPTY, withToken);
    expect(right.messages[0]?.toString()).toContain("1.2.3");
  });

  it.each([`${SERVICE}/ServerLive`, `${SERVICE}/ServerReady`, "/grpc.health.v1.Health/Check"])(
    "tells whoever looks after it whether it lives: %s",
    async (path) => {
      expect(await client.unary(path, EMPTY)).toMatchObject({ code: "OK" });
    },
  );

  it("shows a caller of another tenant what isn't there", async () => {
    const stranger = { authorization: "Bearer slipway_stranger" };
    const token = { id: "tk-1", sha256: digestOf("slipway_stranger"), tenants: ["team-a"], expiresAt: null };
    await callers.replace({ tokens: [token] });
    const named = (model: string) => {
      const writer = new WireWriter();
      writer.string(1, model);
      return writer.finish();
    };
    for (const method of ["ModelInfer", "ModelMetadata", "RepositoryModelUnload"]) {
      const foreign = await client.unary(`${SERVICE}/${method}`, named("iris"), stranger);
      const unknown = await client.unary(`${SERVICE}/${method}`, named("nowhere"), stranger);
      expect(foreign.code).toBe(unknown.code);
      expect(foreign.message.replace("iris", "nowhere")).toBe(unknown.message);
    }
    const index = await client.unary(`${SERVICE}/RepositoryIndex`, EMPTY, stranger);
    expect(index).toMatchObject({ code: "OK" });
    expect(index.messages[0]?.toString()).not.toContain("iris");
  });

  it("knows its own services' health only", async () => {
    const writer = new WireWriter();
    writer.string(1, "other.Service");
    expect((await client.unary("/grpc.health.v1.Health/Check", writer.finish())).code).toBe("NOT_FOUND");
  });
});

describe("what a unit's end becomes", () => {
  it.each([
    [200, "INTERNAL"],
    [400, "INVALID_ARGUMENT"],
    [404, "NOT_FOUND"],
    [413, "RESOURCE_EXHAUSTED"],
    [429, "RESOURCE_EXHAUSTED"],
    [500, "INTERNAL"],
    [501, "UNIMPLEMENTED"],
    [503, "UNAVAILABLE"],
    [504, "DEADLINE_EXCEEDED"],
    ["lost", "INTERNAL"],
  ] as const)("a worker's %s: %s", async (status, code) => {
    const call = client.unary(`${SERVICE}/ModelInfer`, request(), withToken);
    await eventually("the request at its worker", () => serving.pool(1).waiting.length > 0);
    serving.pool(1).answer(status);
    expect((await call).code).toBe(code);
  });

  it("a service that is full: UNAVAILABLE at once, and when to try again", async () => {
    serving.pool(1).full = true;
    const answer = await client.unary(`${SERVICE}/ModelInfer`, request(), withToken);
    serving.pool(1).full = false;
    expect(answer).toMatchObject({ code: "UNAVAILABLE", metadata: { "grpc-retry-pushback-ms": "1000" } });
    const details = Buffer.from(String(answer.metadata["grpc-status-details-bin"]), "base64").toString();
    expect(details).toContain("type.googleapis.com/google.rpc.RetryInfo");
  });
});
