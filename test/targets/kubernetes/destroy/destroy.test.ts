import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { applyPlatform } from "../../../../src/targets/kubernetes/apply/apply.ts";
import { stagesOf } from "../../../../src/targets/kubernetes/apply/remove.ts";
import { destroyPlatform, planDestroy } from "../../../../src/targets/kubernetes/destroy/destroy.ts";
import type { KubernetesObject } from "../../../../src/targets/kubernetes/object.ts";
import { FakeApi } from "../cluster/fake-api.ts";
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
beforeAll(async () => void (url = await api.start()));
afterAll(() => api.stop());
beforeEach(() => {
  api.objects.clear();
  clock = new FakeClock();
});

const whole = () =>
  renderedOf([
    namespace("slipway"),
    configMap("a", {}),
    deployment("control", "i:1"),
    definition("Thing"),
    custom("Thing", "one"),
  ]);
const deps = () => ({
  client: clientOf(url, clock),
  clock,
  ids: { hex: () => "run", sortable: (prefix: string) => prefix },
  report: () => {},
  slipway: "0.2.0",
});
const apply = () => applyPlatform(whole(), { timeoutMs: 5000, wait: false }, deps());

test("goes in reverse order: what a definition describes before the definition, namespaces last", async () => {
  await apply();
  expect((await planDestroy(clientOf(url, clock), whole(), {})).objects).toEqual([
    "Thing.example.com/slipway/one",
    "Deployment.apps/slipway/control",
    "ConfigMap/slipway/a",
    "CustomResourceDefinition.apiextensions.k8s.io//things.example.com",
    "Namespace//slipway",
  ]);
});

test("a GitOps engine's own objects go first: it would make everything anew", () => {
  const owned = ["Thing", "Application"].map((kind) => ({
    identity: { group: "argoproj.io", kind, namespace: "argocd", name: "a" },
    version: "v1alpha1",
  }));
  expect(stagesOf(owned).map(([one]) => one?.identity.kind)).toEqual(["Application", "Thing"]);
});

test("leaves nothing", async () => {
  await apply();
  await destroyPlatform(whole(), { timeoutMs: 5000 }, deps());
  expect(api.names()).toEqual([]);
});

test("keeps a namespace that holds what isn't ours, and says what", async () => {
  await apply();
  api.put({ apiVersion: "v1", kind: "Secret", metadata: { name: "objects", namespace: "slipway" } });
  const { kept } = await destroyPlatform(whole(), { timeoutMs: 5000 }, deps());
  expect(kept).toEqual([{ namespace: "slipway", why: "holds what isn't ours: Secret/objects" }]);
  expect(api.names()).toEqual(["Namespace/slipway", "Secret/objects"]);
});

test("says what stays outside: buckets and Secrets that were given", async () => {
  await apply();
  const rendered = whole();
  const { stays } = await planDestroy(
    clientOf(url, clock),
    {
      ...rendered,
      platform: { ...rendered.platform, components: { objectStore: { bucket: "models" } } },
      secrets: [
        {
          namespace: "slipway",
          name: "objects",
          keys: ["a"],
          made: { how: "given" },
          from: [],
          component: "c",
        },
      ],
    },
    {},
  );
  expect(stays).toEqual(["bucket models, with everything in it", "Secret slipway/objects"]);
});

test("says which volumes stay in a namespace that was there before, and deletes them when asked to", async () => {
  api.put({ apiVersion: "v1", kind: "Namespace", metadata: { name: "slipway" } });
  const store: KubernetesObject = {
    apiVersion: "apps/v1",
    kind: "StatefulSet",
    metadata: { name: "control", namespace: "slipway" },
    spec: { volumeClaimTemplates: [{ metadata: { name: "data" }, spec: {} }] },
  };
  const rendered = () => renderedOf([namespace("slipway"), store]);
  await applyPlatform(rendered(), { timeoutMs: 5000, wait: false }, deps());
  const claim = (name: string, owners: object[] = []) =>
    api.put({
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: { name, namespace: "slipway", ownerReferences: owners },
    });
  claim("data-control-0");
  claim("somebodys-data-control-0");
  claim("db-1", [{ kind: "Cluster", name: "db" }]);

  const kept = await planDestroy(clientOf(url, clock), rendered(), {});
  expect(kept.stays).toEqual(["volume slipway/data-control-0, with its data; --delete-volumes deletes it"]);
  expect(kept.losses).toEqual(["volumes in slipway that go with what owns them, with their data: db-1"]);

  const { losses } = await destroyPlatform(rendered(), { timeoutMs: 5000, deleteVolumes: true }, deps());
  expect(losses).toContain("volume slipway/data-control-0, with its data");
  expect(api.names()).toEqual([
    "Namespace/slipway",
    "PersistentVolumeClaim/db-1",
    "PersistentVolumeClaim/somebodys-data-control-0",
  ]);
});

test("takes what control made as it ran: with its namespace, and out of one that stays", async () => {
  const variant = (labels: Record<string, string>, name: string): void =>
    void api.put({
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name, namespace: "slipway", labels },
    });
  const made = { "app.kubernetes.io/managed-by": "slipway-control" };
  await apply();
  variant(made, "iris-v1");
  const alone = await planDestroy(clientOf(url, clock), whole(), {});
  expect(alone.kept).toEqual([]);

  variant({ ...made, "slipway.dev/platform": "another" }, "anothers");
  const { kept, objects } = await destroyPlatform(whole(), { timeoutMs: 5000 }, deps());
  expect(kept).toEqual([{ namespace: "slipway", why: "holds what isn't ours: Deployment/anothers" }]);
  expect(objects).toContain("Deployment.apps/slipway/iris-v1");
  expect(api.names()).toEqual(["Deployment/anothers", "Namespace/slipway"]);
});

test("stops at what a finalizer holds, with its name, and leaves its definition", async () => {
  await apply();
  const thing = api.find("Thing", "one", "slipway");
  Object.assign(thing?.metadata as object, { finalizers: ["example.com/held"] });
  await expect(destroyPlatform(whole(), { timeoutMs: 5000 }, deps())).rejects.toMatchObject({
    code: "PLATFORM_NOT_DESTROYED",
    facts: { given: expect.stringContaining("waits for its finalizer example.com/held") as string },
  });
  expect(api.find("CustomResourceDefinition", "things.example.com")).toBeDefined();
});

test("a platform that was never here isn't destroyed", async () => {
  await expect(planDestroy(clientOf(url, clock), whole(), {})).rejects.toMatchObject({
    code: "PLATFORM_NOT_APPLIED",
  });
});
