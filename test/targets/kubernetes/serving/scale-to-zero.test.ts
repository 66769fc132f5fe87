import { afterAll, beforeAll, expect, it } from "vitest";
import type { TrafficRule, VariantSpec } from "../../../../src/serving/backend.ts";
import type { KubernetesServing } from "../../../../src/targets/kubernetes/serving/backend.ts";
import { linearSoftmax } from "../../../support/onnx.ts";
import { eventually } from "../../../support/serving-platform.ts";
import { startServingWorld } from "./serving-world.ts";
import type { ServingWorldParts } from "./serving-world.ts";

const BODY = JSON.stringify({ inputs: [{ name: "x", datatype: "FP32", shape: [1, 4], data: [1, 2, 3, 4] }] });
const IDLE_MS = 2_000;
const NEVER = new AbortController().signal;

let world: ServingWorldParts;
let backend: KubernetesServing;
let modelDir: string;
beforeAll(async () => {
  world = await startServingWorld(2);
  ({ backend } = world);
  modelDir = await world.model(linearSoftmax());
});
afterAll(() => world?.close());

const spec = (version: number, scale = { max: 2, concurrency: 4, idleMs: IDLE_MS }): VariantSpec => ({
  service: "iris",
  version,
  format: "onnx",
  modelDir,
  workers: 0,
  scale,
});

const rule = (more: Partial<TrafficRule>): TrafficRule => ({
  service: "iris",
  commit: "a",
  order: 1,
  champion: 1,
  share: 0,
  timeoutMs: 20_000,
  maxBodyBytes: 100_000,
  protocols: ["v2"],
  ...more,
});

const pods = (version: number) => world.cluster.find({ "slipway.dev/version": String(version) });

async function ask(serve: number): Promise<{ status: number; version: string | null }> {
  const url = `${world.urls[serve] ?? ""}/v2/models/iris/infer`;
  const response = await fetch(url, { method: "POST", body: BODY, headers: world.headers });
  await response.arrayBuffer();
  return { status: response.status, version: response.headers.get("x-slipway-variant") };
}

const none = (version: number) =>
  eventually(`no pod of ${version}`, () => pods(version).length === 0, 30_000);

it("prepares it with a pod, and ends that when no serve pod has been asked for a while", async () => {
  await backend.prepare(spec(1), NEVER);
  const began = Date.now();
  expect((await backend.probe({ service: "iris", version: 1 }, BODY, NEVER)).status).toBe(200);
  await backend.route(rule({}));
  await none(1);
  expect(Date.now() - began).toBeGreaterThan(IDLE_MS);
  expect((await backend.state()).variants).toEqual([{ service: "iris", version: 1, workers: [] }]);
});

it("answers what comes meanwhile, at every serve pod, from the one pod that it brings", async () => {
  const answers = await Promise.all([ask(0), ask(1), ask(0), ask(1), ask(0)]);
  expect(answers).toEqual(answers.map(() => ({ status: 200, version: "1" })));
  expect(pods(1).length).toBe(1);
});

it("keeps it while one serve pod is asked", async () => {
  const until = Date.now() + 2 * IDLE_MS;
  const [first] = pods(1);
  while (Date.now() < until) expect((await ask(1)).status).toBe(200);
  expect(pods(1)).toEqual([first]);
});

it("lets nobody wait beyond the service's own deadline", async () => {
  await none(1);
  await backend.route(rule({ commit: "b", order: 2, timeoutMs: 50 }));
  const began = Date.now();
  expect((await ask(0)).status).toBe(504);
  expect(Date.now() - began).toBeLessThan(2_000);
  await backend.route(rule({ commit: "c", order: 3 }));
  // The pod that it asked for comes all the same.
  await eventually("a pod", () => pods(1).length === 1);
});

it("gives both versions of a trial a pod and keeps it, and lets them go when it has ended", async () => {
  await none(1);
  await backend.prepare(spec(2), NEVER);
  await backend.route(rule({ commit: "d", order: 4, challenger: 2, share: 0.5 }));
  await eventually("both", async () => {
    const { variants } = await backend.state();
    return variants.every(({ workers }) => workers[0]?.state === "ready");
  });
  const [first, second] = [pods(1), pods(2)];
  await new Promise((resolve) => setTimeout(resolve, 2 * IDLE_MS));
  expect([pods(1), pods(2)]).toEqual([first, second]);
  await backend.stopChallenger("iris", 2);
  await Promise.all([none(1), none(2)]);
});

it("goes on so under another leader, which gives nothing a pod by itself", async () => {
  backend = await world.takeOver();
  await eventually("serve pods that were told", () => backend.outcomes().catch(() => undefined));
  expect([pods(1), pods(2)]).toEqual([[], []]);
  expect(await ask(1)).toEqual({ status: 200, version: "1" });
  await none(1);
  // Serve pods that begin anew know it without ever having seen a pod of it.
  await world.restart(0);
  expect(await ask(0)).toEqual({ status: 200, version: "1" });
  expect(world.errors).toEqual([]);
});

it("gives a pod to what is prepared anew", async () => {
  await none(1);
  await backend.prepare(spec(1, { max: 1, concurrency: 4, idleMs: IDLE_MS }), NEVER);
  expect(pods(1).length).toBe(1);
});
