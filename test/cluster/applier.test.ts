import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { systemIds } from "../../src/base/ids.ts";
import { applyPlatform } from "../../src/targets/kubernetes/apply/apply.ts";
import type { ApplyOptions } from "../../src/targets/kubernetes/apply/apply.ts";
import { ClusterClient } from "../../src/targets/kubernetes/cluster/client.ts";
import { destroyPlatform, planDestroy } from "../../src/targets/kubernetes/destroy/destroy.ts";
import { planPlatform } from "../../src/targets/kubernetes/plan/plan.ts";
import type { Rendered } from "../../src/targets/kubernetes/render/rendered.ts";
import { checkCluster } from "../../src/targets/kubernetes/doctor/cluster.ts";
import {
  configMap,
  custom,
  definition,
  deployment,
  namespace,
  renderedOf,
} from "../targets/kubernetes/platform-fixture.ts";
import { testCluster } from "./support/cluster.ts";
import type { TestCluster } from "./support/cluster.ts";
import { differences, listing } from "./support/listing.ts";
import type { Listing } from "./support/listing.ts";

let cluster: TestCluster;
let client: ClusterClient;
let before: Listing;
beforeAll(async () => {
  cluster = testCluster();
  client = new ClusterClient(cluster.send);
  before = await listing(cluster);
});

const ids = systemIds(() => systemClock.now());
const deps = { clock: systemClock, ids, report: () => {}, slipway: "0.2.0" };
const apply = (rendered: Rendered, options: Partial<ApplyOptions> = {}) =>
  applyPlatform(rendered, { timeoutMs: 20_000, wait: false, ...options }, { ...deps, client });
const destroy = (rendered: Rendered, deleteVolumes = false) =>
  destroyPlatform(rendered, { timeoutMs: 30_000, deleteVolumes }, { ...deps, client });
const plan = async (rendered: Rendered) => {
  const { objects } = await planPlatform(client, rendered, { slipway: "0.2.0" });
  return objects.filter(({ action }) => action !== "keep");
};
const whole = () =>
  renderedOf([
    namespace("slipway"),
    configMap("a", { a: "1" }),
    deployment("control", "i:1"),
    definition("Thing"),
    custom("Thing", "one", { size: 1 }),
  ]);

describe("a real API server", () => {
  beforeEach(async () => {
    if ((await cluster.get("/api/v1/namespaces/slipway")) !== undefined) await destroy(whole());
    expect(differences(before, await listing(cluster))).toEqual([]);
  });
  afterAll(async () => {
    if ((await cluster.get("/api/v1/namespaces/slipway")) !== undefined) await destroy(whole());
  });

  it("plans without touching, applies, finds nothing to do, and is as it was after destroy", async () => {
    expect((await plan(whole())).map(({ action, key, checked }) => `${action} ${key} ${checked}`)).toEqual([
      "create Namespace//slipway server",
      "create CustomResourceDefinition.apiextensions.k8s.io//things.example.com server",
      "create ConfigMap/slipway/a elsewhere",
      "create Deployment.apps/slipway/control elsewhere",
      "create Thing.example.com/slipway/one no",
    ]);
    expect(differences(before, await listing(cluster))).toEqual([]);
    await apply(whole());
    expect(await plan(whole())).toEqual([]);
    expect(await apply(whole())).toMatchObject({ applied: [], unchanged: 5 });
    const { kept } = await destroy(whole());
    expect(kept).toEqual([]);
  });

  it("knows the server's defaults: a change is that field and no other", async () => {
    await apply(whole());
    const changed = renderedOf([
      ...whole()
        .objects.map(({ object }) => object)
        .filter(({ kind }) => kind !== "Deployment"),
      deployment("control", "i:2"),
    ]);
    expect(await plan(changed)).toMatchObject([
      {
        key: "Deployment.apps/slipway/control",
        action: "change",
        fields: [{ path: ".spec.template.spec.containers[name=main].image", before: "i:1", after: "i:2" }],
      },
    ]);
  });

  it("finds an unknown field and a wrong value before the namespace is there", async () => {
    const unknown = deployment("unknown", "i:1");
    Object.assign(unknown["spec"] as object, { replica: 3 });
    const planned = await plan(renderedOf([namespace("slipway"), unknown, deployment("wrong", "i:1", -1)]));
    expect(planned.map(({ action, checked }) => `${action} ${checked}`)).toEqual([
      "create server",
      "blocked server",
      "blocked elsewhere",
    ]);
    expect(planned[1]?.problem?.message).toContain("spec.replica: field not declared in schema");
    expect(planned[2]?.problem?.message).toContain("spec.replicas: Invalid value: -1");
  });

  it("says that what can't be changed would be made anew, and does so when asked", async () => {
    await apply(whole());
    const other = deployment("control", "i:1");
    Object.assign(other["spec"] as object, {
      selector: { matchLabels: { app: "other" } },
      template: {
        ...(other["spec"] as { template: object }).template,
        metadata: { labels: { app: "other" } },
      },
    });
    const changed = renderedOf([namespace("slipway"), other]);
    expect((await plan(changed)).find(({ action }) => action === "replace")).toMatchObject({
      key: "Deployment.apps/slipway/control",
    });
    await expect(apply(changed)).rejects.toMatchObject({ code: "PLATFORM_BLOCKED" });
    expect(await apply(changed, { replace: true })).toMatchObject({
      replaced: ["Deployment.apps/slipway/control"],
      pruned: expect.arrayContaining(["ConfigMap/slipway/a"]) as string[],
    });
  });

  it("names who owns a field that somebody changed", async () => {
    await apply(whole());
    await cluster.send({
      method: "PATCH",
      path: "/api/v1/namespaces/slipway/configmaps/a",
      query: { fieldManager: "kubectl-edit" },
      contentType: "application/merge-patch+json",
      body: { data: { a: "tampered" } },
    });
    await expect(apply(whole())).rejects.toMatchObject({
      code: "FIELDS_OWNED",
      facts: { given: "ConfigMap/slipway/a: kubectl-edit owns .data.a" },
    });
    expect(await apply(whole(), { forceConflicts: true })).toMatchObject({
      applied: ["ConfigMap/slipway/a"],
    });
  });

  it("gives a namespace back that was there before, with what somebody put into it", async () => {
    const send = (path: string, body: object) => cluster.send({ method: "POST", path, body });
    await send("/api/v1/namespaces", namespace("slipway"));
    await send("/api/v1/namespaces/slipway/secrets", {
      metadata: { name: "objects" },
      stringData: { a: "b" },
    });
    try {
      const earlier = await listing(cluster);
      await apply(whole());
      expect(await plan(whole())).toEqual([]);
      expect((await planDestroy(client, whole(), {})).kept).toEqual([
        { namespace: "slipway", why: "was there before" },
      ]);
      await destroy(whole());
      expect(differences(earlier, await listing(cluster))).toEqual([]);
    } finally {
      await cluster.send({ method: "DELETE", path: "/api/v1/namespaces/slipway" });
      await expect.poll(() => cluster.get("/api/v1/namespaces/slipway"), { timeout: 30_000 }).toBeUndefined();
    }
  });

  it("keeps a namespace that holds a volume, until its deletion is asked for", async () => {
    await apply(whole());
    await cluster.send({
      method: "POST",
      path: "/api/v1/namespaces/slipway/persistentvolumeclaims",
      body: {
        metadata: { name: "data" },
        spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } },
      },
    });
    expect((await destroy(whole())).kept).toMatchObject([{ namespace: "slipway" }]);
    expect(await cluster.get("/api/v1/namespaces/slipway/persistentvolumeclaims/data")).toBeDefined();
    expect((await destroy(whole(), true)).kept).toEqual([]);
  });

  it("says which finalizer holds an object, and goes on once it is off", async () => {
    await apply(whole());
    const path = "/apis/example.com/v1/namespaces/slipway/things/one";
    const finalizers = (list: string[]) =>
      cluster.send({
        method: "PATCH",
        path,
        contentType: "application/merge-patch+json",
        body: { metadata: { finalizers: list } },
      });
    await finalizers(["example.com/held"]);
    const short = destroyPlatform(whole(), { timeoutMs: 500 }, { ...deps, client });
    await expect(short).rejects.toMatchObject({
      code: "PLATFORM_NOT_DESTROYED",
      facts: { given: expect.stringContaining("example.com/held") as string },
    });
    await finalizers([]);
    await destroy(whole());
  });

  it("is asked for every right", async () => {
    const checks = await checkCluster(client, whole());
    expect(checks.find(({ name }) => name === "rights")).toMatchObject({ result: "passed" });
    expect(checks.find(({ name }) => name === "Kubernetes version")).toMatchObject({ result: "passed" });
  });
});
