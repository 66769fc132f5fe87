import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { applyPlatform } from "../../../../src/targets/kubernetes/apply/apply.ts";
import type { ApplyOptions } from "../../../../src/targets/kubernetes/apply/apply.ts";
import type { Progress } from "../../../../src/targets/kubernetes/apply/progress.ts";
import { readInventory } from "../../../../src/targets/kubernetes/inventory/inventory.ts";
import { planPlatform } from "../../../../src/targets/kubernetes/plan/plan.ts";
import type { Rendered } from "../../../../src/targets/kubernetes/render/rendered.ts";
import { FakeApi, failure } from "../cluster/fake-api.ts";
import {
  FakeClock,
  clientOf,
  configMap,
  custom,
  definition,
  deployment,
  namespace,
  renderedOf,
} from "../platform-fixture.ts";

const api = new FakeApi();
let url = "";
let clock = new FakeClock();
let told: Progress[] = [];
beforeAll(async () => void (url = await api.start()));
afterAll(() => api.stop());
beforeEach(() => {
  api.objects.clear();
  api.intercept = () => undefined;
  api.statusOf = ({ kind, spec }) => {
    const { replicas } = (spec ?? {}) as { replicas?: number };
    if (kind === "CustomResourceDefinition") return { conditions: [{ type: "Established", status: "True" }] };
    return kind === "Deployment"
      ? { observedGeneration: 1, replicas, updatedReplicas: replicas, availableReplicas: replicas }
      : undefined;
  };
  clock = new FakeClock();
  told = [];
});

const ids = { hex: () => "run", sortable: (prefix: string) => `${prefix}-1` };
const deps = (slipway = "0.2.0") => ({
  client: clientOf(url, clock),
  clock,
  ids,
  report: (progress: Progress) => void told.push(progress),
  slipway,
});
const apply = (rendered: Rendered, options: Partial<ApplyOptions> = {}, slipway?: string) =>
  applyPlatform(rendered, { timeoutMs: 10_000, ...options }, deps(slipway));
const plan = async (rendered: Rendered) =>
  (await planPlatform(clientOf(url, clock), rendered, { slipway: "0.2.0" })).objects.map(
    ({ key, action }) => `${action} ${key}`,
  );

const whole = () =>
  renderedOf([namespace("slipway"), configMap("a", { a: "1" }), deployment("control", "i:1")]);

test("makes what isn't there, and finds nothing to do afterwards", async () => {
  expect(await plan(whole())).toEqual([
    "create Namespace//slipway",
    "create ConfigMap/slipway/a",
    "create Deployment.apps/slipway/control",
  ]);
  await apply(whole());
  expect(api.names()).toEqual([
    "ConfigMap/a",
    "ConfigMap/slipway-inventory-test",
    "Deployment/control",
    "Namespace/slipway",
  ]);
  expect((await plan(whole())).every((line) => line.startsWith("keep"))).toBe(true);
  expect(await apply(whole())).toMatchObject({ applied: [], unchanged: 3 });
});

test("plans a change field by field, and applying does just that", async () => {
  await apply(whole());
  const changed = renderedOf([
    namespace("slipway"),
    configMap("a", { a: "2" }),
    deployment("control", "i:1"),
  ]);
  const { objects } = await planPlatform(clientOf(url, clock), changed, { slipway: "0.2.0" });
  expect(objects.filter(({ action }) => action !== "keep")).toMatchObject([
    { key: "ConfigMap/slipway/a", action: "change", fields: [{ path: ".data.a", before: "1", after: "2" }] },
  ]);
  expect(await apply(changed)).toMatchObject({ applied: ["ConfigMap/slipway/a"], unchanged: 2 });
});

test("prunes what left the file, and nothing else", async () => {
  await apply(whole());
  api.put(configMap("of-somebody", {}) as never);
  const less = renderedOf([namespace("slipway"), deployment("control", "i:1")]);
  expect(await plan(less)).toContain("delete ConfigMap/slipway/a");
  expect(await apply(less)).toMatchObject({ pruned: ["ConfigMap/slipway/a"] });
  expect(api.find("ConfigMap", "of-somebody", "slipway")).toBeDefined();
});

test("doesn't touch an object of somebody else, before anything is touched", async () => {
  api.put(namespace("slipway") as never);
  api.put({
    ...configMap("a", {}),
    metadata: { name: "a", namespace: "slipway", annotations: { "meta.helm.sh/release-name": "old" } },
  } as never);
  const before = api.names();
  await expect(apply(whole())).rejects.toMatchObject({
    code: "OBJECT_NOT_OURS",
    facts: { given: expect.stringContaining("Helm release old") as string },
  });
  expect(api.names()).toEqual(before);
  await apply(whole(), { adopt: true });
});

test("nor one of another platform of ours", async () => {
  await apply(renderedOf([namespace("slipway"), configMap("a", {})], "other"));
  await expect(apply(whole())).rejects.toMatchObject({
    code: "OBJECT_NOT_OURS",
    facts: { given: expect.stringContaining("the platform other") as string },
  });
});

test("shows who owns a field that ours wants otherwise", async () => {
  await apply(whole());
  const map = api.find("ConfigMap", "a", "slipway");
  Object.assign(map as object, { data: { a: "tampered" }, $owners: { "data.a": "kubectl-edit" } });
  await expect(apply(whole())).rejects.toMatchObject({
    code: "FIELDS_OWNED",
    facts: { given: "ConfigMap/slipway/a: kubectl-edit owns .data.a" },
  });
  await apply(whole(), { forceConflicts: true });
  expect(api.find("ConfigMap", "a", "slipway")).toMatchObject({ data: { a: "1" } });
});

test("a custom resource waits for its definition", async () => {
  const rendered = renderedOf([namespace("slipway"), definition("Thing"), custom("Thing", "one")]);
  const planned = await planPlatform(clientOf(url, clock), rendered, { slipway: "0.2.0" });
  expect(planned.objects.at(-1)).toMatchObject({ action: "create", checked: "no" });
  await apply(rendered);
  expect(api.find("Thing", "one", "slipway")).toBeDefined();
});

test("a kind that nobody brings is said before anything is touched", async () => {
  await expect(apply(renderedOf([namespace("slipway"), custom("Nobodys", "one")]))).rejects.toMatchObject({
    code: "CLUSTER_KIND_MISSING",
  });
  expect(api.names()).toEqual([]);
});

test("an apply that dies at any write is taken up by the next one", async () => {
  for (let survive = 0; ; survive++) {
    api.objects.clear();
    let left = survive;
    api.intercept = (method, path) =>
      (method === "PATCH" || method === "POST") && !path.endsWith("?dryRun") && left-- <= 0
        ? failure(400, "Killed", "the connection is cut")
        : undefined;
    const died = await apply(whole()).then(
      () => false,
      () => true,
    );
    api.intercept = () => undefined;
    await apply(whole());
    expect(api.names()).toEqual([
      "ConfigMap/a",
      "ConfigMap/slipway-inventory-test",
      "Deployment/control",
      "Namespace/slipway",
    ]);
    if (!died) break;
  }
});

test("what was made is in the inventory even when the apply died", async () => {
  api.intercept = (method, path) =>
    method === "PATCH" && path.endsWith("/deployments/control") ? failure(403, "Forbidden", "no") : undefined;
  await expect(apply(whole())).rejects.toMatchObject({ code: "CLUSTER_FORBIDDEN" });
  const inventory = await readInventory(clientOf(url, clock), { platform: "test", namespace: "slipway" });
  expect(inventory).toMatchObject({ state: "applying" });
  expect(inventory?.entries).toHaveLength(3);
});

test("waits until all works, and says what doesn't", async () => {
  api.statusOf = ({ kind }) =>
    kind === "Deployment"
      ? { observedGeneration: 1, replicas: 2, updatedReplicas: 2, availableReplicas: 1 }
      : undefined;
  await expect(apply(whole())).rejects.toMatchObject({
    code: "PLATFORM_NOT_READY",
    facts: { given: "Deployment.apps/slipway/control: 1 of 2 pods are available" },
  });
  expect(await apply(whole(), { wait: false })).toMatchObject({ unchanged: 3 });
});

test("an older platform of ours is taken up only when asked, a newer one never", async () => {
  await apply(whole(), {}, "0.1.0");
  await expect(apply(whole())).rejects.toMatchObject({ code: "PLATFORM_OLDER" });
  await apply(whole(), { upgrade: true });
  await expect(apply(whole(), { upgrade: true }, "0.1.0")).rejects.toMatchObject({ code: "PLATFORM_NEWER" });
});

test("a missing right says which, and what was made stays written down", async () => {
  api.intercept = (_, path) =>
    path.includes("/deployments/") ? failure(403, "Forbidden", "not allowed") : undefined;
  await expect(plan(whole())).rejects.toMatchObject({
    message: "the right is missing to get deployments.apps in namespace slipway",
  });
});
