import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { applyPlatform } from "../../../../src/targets/kubernetes/apply/apply.ts";
import { pausePlatform, resumePlatform } from "../../../../src/targets/kubernetes/pause/pause.ts";
import { statusOf } from "../../../../src/targets/kubernetes/status/status.ts";
import { FakeApi } from "../cluster/fake-api.ts";
import { FakeClock, clientOf, configMap, namespace, renderedOf } from "../platform-fixture.ts";

const api = new FakeApi();
let url = "";
const clock = new FakeClock();
beforeAll(async () => void (url = await api.start()));
afterAll(() => api.stop());
beforeEach(() => api.objects.clear());

/** A GitOps engine's definition and object, as they come with a platform. */
const engine = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "kustomizations.kustomize.toolkit.fluxcd.io" },
  spec: {
    group: "kustomize.toolkit.fluxcd.io",
    scope: "Namespaced",
    names: { kind: "Kustomization", plural: "kustomizations" },
    versions: [{ name: "v1", served: true, storage: true }],
  },
};
const kustomization = {
  apiVersion: "kustomize.toolkit.fluxcd.io/v1",
  kind: "Kustomization",
  metadata: { name: "platform", namespace: "slipway" },
  spec: { prune: true },
};
const whole = () => renderedOf([namespace("slipway"), configMap("a", {}), engine, kustomization]);
const deps = () => ({
  client: clientOf(url, clock),
  clock,
  ids: { hex: () => "run", sortable: (prefix: string) => prefix },
  report: () => {},
  slipway: "0.2.0",
});
const apply = () => applyPlatform(whole(), { timeoutMs: 5000, wait: false }, deps());

test("holds back our own apply and the engine's, until it is resumed", async () => {
  await apply();
  expect(await pausePlatform(whole(), "restore", deps())).toMatchObject({
    engine: ["Kustomization slipway/platform"],
  });
  expect(api.find("Kustomization", "platform", "slipway")).toMatchObject({ spec: { suspend: true } });
  expect(await statusOf(clientOf(url, clock), whole())).toMatchObject({ paused: { reason: "restore" } });
  await expect(apply()).rejects.toMatchObject({ code: "PLATFORM_PAUSED", facts: { given: "restore" } });

  await resumePlatform(whole(), deps());
  expect(api.find("Kustomization", "platform", "slipway")).toMatchObject({ spec: { prune: true } });
  await apply();
});

test("what was never applied can't be paused", async () => {
  await expect(pausePlatform(whole(), "r", deps())).rejects.toMatchObject({ code: "PLATFORM_NOT_APPLIED" });
});
