import { afterAll, beforeAll, expect, it } from "vitest";
import { digestOf } from "../../../../src/http/credentials.ts";
import type { TrafficRule, VariantSpec } from "../../../../src/serving/backend.ts";
import type { OutcomeCounter } from "../../../../src/serving/outcomes.ts";
import { openGatewayServing } from "../../../../src/targets/kubernetes/serving/gateway/gateway-serving.ts";
import type { GatewayServing } from "../../../../src/targets/kubernetes/serving/gateway/gateway-serving.ts";
import { isReady } from "../../../../src/targets/kubernetes/serving/pods.ts";
import { workerToken } from "../../../../src/tenancy/worker-tokens.ts";
import { linearSoftmax } from "../../../support/onnx.ts";
import { eventually } from "../../../support/serving-platform.ts";
import { SECRET, startWorld } from "./serving-world.ts";
import type { ServingWorldParts } from "./serving-world.ts";
import type { StandInCluster } from "./stand-in-cluster.ts";
import { startGateway } from "./stand-in-gateway.ts";
import type { StandInGateway } from "./stand-in-gateway.ts";

const BODY = JSON.stringify({ inputs: [{ name: "x", datatype: "FP32", shape: [1, 4], data: [1, 2, 3, 4] }] });
const NEVER = new AbortController().signal;
const CALLER = "slipway_caller_of_at_least_thirty_two_characters";
const CALLERS = {
  tokens: [
    { id: "caller", sha256: digestOf(CALLER), tenants: ["default"], expiresAt: null },
    { id: "everybody's", sha256: digestOf(`${CALLER}2`), tenants: null, expiresAt: null },
  ],
};

let gateway: StandInGateway;
let world: ServingWorldParts<GatewayServing>;
let backend: GatewayServing;
let modelDir: string;

beforeAll(async () => {
  const known: { cluster?: StandInCluster } = {};
  gateway = await startGateway(() => known.cluster!);
  world = await startWorld(1, (deps, cluster) => {
    known.cluster = cluster;
    return openGatewayServing({
      ...deps,
      gateway: { name: "platform", namespace: "gateway", host: "slipway.example.com" },
      door: { url: gateway.url, host: "slipway.example.com" },
      tokenOf: (tenant) => workerToken(SECRET, tenant),
    });
  });
  ({ backend } = world);
  await backend.admit(CALLERS);
  modelDir = await world.model(linearSoftmax());
});

afterAll(async () => {
  await world?.close();
  await gateway?.close();
});

const spec = (version: number): VariantSpec => ({
  service: "iris",
  version,
  format: "onnx",
  modelDir,
  workers: 1,
});

const rule = (more: Partial<TrafficRule>): TrafficRule => ({
  service: "iris",
  commit: "a",
  order: 1,
  champion: 1,
  share: 0,
  timeoutMs: 5_000,
  maxBodyBytes: 100_000,
  protocols: ["v2"],
  ...more,
});

async function ask(headers: Record<string, string> = {}): Promise<{ status: number; version: number }> {
  const response = await fetch(new URL("/v2/models/iris/infer", gateway.url), {
    method: "POST",
    body: BODY,
    headers: { authorization: `Bearer ${CALLER}`, ...headers },
  });
  await response.arrayBuffer();
  return { status: response.status, version: Number(response.headers.get("x-slipway-variant")) };
}

async function send(count: number): Promise<Map<number, number>> {
  const by = new Map<number, number>();
  for (let i = 0; i < count; i++) {
    const { status, version } = await ask();
    expect(status).toBe(200);
    by.set(version, (by.get(version) ?? 0) + 1);
  }
  return by;
}

const finished = (counters: readonly OutcomeCounter[], is: Partial<OutcomeCounter> = {}): number =>
  counters
    .filter((one) => Object.entries(is).every(([key, value]) => one[key as keyof OutcomeCounter] === value))
    .reduce((sum, one) => sum + one.finished, 0);

const counted = async (is?: Partial<OutcomeCounter>): Promise<number> =>
  finished((await backend.outcomes()).counters, is);

it("checks a version through its own route and pods before it has any weight, and counts that nowhere", async () => {
  await backend.prepare(spec(1), NEVER);
  expect((await backend.probe({ service: "iris", version: 1 }, BODY, NEVER)).status).toBe(200);
  expect((await ask()).status).toBe(404);
  await backend.route(rule({}));
  expect(await send(5)).toEqual(new Map([[1, 5]]));
  world.cluster.routesLateMs = 1_500;
  await backend.prepare(spec(2), NEVER);
  expect((await backend.probe({ service: "iris", version: 2 }, BODY, NEVER)).status).toBe(200);
  world.cluster.routesLateMs = 0;
  expect(await send(5)).toEqual(new Map([[1, 5]]));
  expect(await counted()).toBe(10);
});

it("lets those in whose token is good for this tenant alone", async () => {
  expect((await ask({ authorization: "" })).status).toBe(401);
  expect((await ask({ authorization: `Bearer ${CALLER}2` })).status).toBe(401);
});

it("divides by weights, and counts an interval with the share that it had, once", async () => {
  const before = await counted();
  await backend.route(rule({ commit: "b", order: 2, challenger: 2, share: 0.25 }));
  let sent = 0;
  await eventually(
    "an interval whose share was observed",
    async () => {
      sent += [...(await send(20)).values()].reduce((sum, count) => sum + count, 0);
      return (await counted({ epoch: "b", arm: "challenger" })) >= 20;
    },
    60_000,
  );
  const { counters } = await backend.outcomes();
  const judged = counters.filter(({ epoch }) => epoch === "b");
  const challenger = finished(judged, { arm: "challenger" });
  expect(challenger / finished(judged)).toBeCloseTo(0.25, 1);
  for (const { share } of judged) expect(Math.abs(share - 0.25)).toBeLessThan(0.05);
  expect(finished(counters, { epoch: "b~" })).toBeGreaterThan(0);
  await eventually("all that were sent", async () => (await counted()) - before === sent, 60_000);
});

it("goes on under another leader, and counts nothing twice", async () => {
  await send(10);
  backend = await world.takeOver();
  await backend.admit(CALLERS);
  await eventually("all are told", async () => (await counted()) > 0);
  const before = await counted();
  const sent = 40;
  const by = await send(sent);
  expect(by.get(2)).toBeGreaterThan(0);
  await eventually("all that were sent", async () => (await counted()) - before === sent, 60_000);
});

it("counts on when a challenger's process is killed and another one comes", async () => {
  const before = await counted();
  const [pid] = world.cluster.pids({ "slipway.dev/version": "2" });
  let release = (): void => undefined;
  world.cluster.holdUp = new Promise((resolve) => (release = resolve));
  process.kill(pid ?? 0, "SIGKILL");
  await eventually("no weight without pods", () => weights()[1] === 0, 30_000);
  expect(await send(10)).toEqual(new Map([[1, 10]]));
  release();
  await eventually("weight again", async () => (weights()[1] ?? 0) > 0, 30_000);
  await eventually("its answers", async () => (await send(4)).get(2) === 1, 30_000);
  expect(await counted()).toBeGreaterThanOrEqual(before);
});

it("stops a challenger at once", async () => {
  await backend.stopChallenger("iris", 2);
  expect(await send(12)).toEqual(new Map([[1, 12]]));
  expect(await counted({ epoch: "b!", arm: "champion" })).toBeGreaterThan(0);
});

it("takes pods that it had given up for a version that is prepared again", async () => {
  const third = { "slipway.dev/version": "3" };
  await backend.prepare(spec(3), NEVER);
  world.cluster.isHoldingOn = true;
  await backend.remove({ service: "iris", version: 3 });
  const [before] = world.cluster.pids(third);
  let release = (): void => undefined;
  world.cluster.holdUp = new Promise((resolve) => (release = resolve));
  process.kill(before ?? 0, "SIGKILL");
  await eventually("its end", () => !world.cluster.find(third).some(isReady));
  await world.cluster.empty("iris-v3-0");
  release();
  await backend.prepare(spec(3), NEVER);
  expect((await ask({ "x-slipway-variant": "3" })).status).toBe(200);
  world.cluster.isHoldingOn = false;
  await backend.remove({ service: "iris", version: 3 });
});

it("refuses what a gateway can't do", async () => {
  const more = { commit: "c", order: 3, challenger: 2 };
  for (const one of [{ shadow: 0.1 }, { share: 0.1, fallback: true }, { sticky: { header: "x-user" } }])
    await expect(backend.route(rule({ ...more, ...one }))).rejects.toMatchObject({ code: "ROUTING_CANNOT" });
  expect(world.errors).toEqual([]);
});

function weights(): number[] {
  const [spec] = world.cluster.routes.map((route) => route["spec"]);
  const { rules = [] } = (spec ?? {}) as { rules?: { backendRefs: { weight: number }[] }[] };
  return rules.at(-1)?.backendRefs.map(({ weight }) => weight) ?? [];
}
