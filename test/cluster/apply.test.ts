import { afterAll, beforeAll, expect, it } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { systemIds } from "../../src/base/ids.ts";
import { applyPlatform } from "../../src/targets/kubernetes/apply/apply.ts";
import type { Progress } from "../../src/targets/kubernetes/apply/progress.ts";
import { ClusterClient } from "../../src/targets/kubernetes/cluster/client.ts";
import { destroyPlatform } from "../../src/targets/kubernetes/destroy/destroy.ts";
import type { KubernetesObject } from "../../src/targets/kubernetes/object.ts";
import { planPlatform } from "../../src/targets/kubernetes/plan/plan.ts";
import type { PlannedObject } from "../../src/targets/kubernetes/plan/object-plan.ts";
import type { Rendered } from "../../src/targets/kubernetes/render/rendered.ts";
import { testCluster, type TestCluster } from "./support/cluster.ts";
import { definitionsFor, installDefinitions, removeDefinitions } from "./support/definitions.ts";
import { changesBetween, differences, listing, type Listing } from "./support/listing.ts";
import { smallPlatform, withChanged } from "./support/small.ts";
import { StandInNode } from "./support/stand-in-node.ts";

const TIMEOUT_MS = 60_000;
const VERSION = "0.1.0";

let cluster: TestCluster;
let client: ClusterClient;
let node: StandInNode;
let installed: KubernetesObject[];
let before: Listing;

beforeAll(async () => {
  cluster = testCluster();
  client = new ClusterClient(cluster.send);
  installed = await installDefinitions(
    cluster,
    definitionsFor(smallPlatform().objects.map(({ object }) => object)),
  );
  before = await listing(cluster);
  node = new StandInNode(cluster);
  await node.start();
});

afterAll(async () => {
  await node.stop();
  await removeDefinitions(cluster, installed);
});

function deps(report: (progress: Progress) => void = () => {}) {
  return { client, clock: systemClock, ids: systemIds(() => systemClock.now()), report, slipway: VERSION };
}

async function toDo(rendered: Rendered): Promise<readonly PlannedObject[]> {
  const { objects } = await planPlatform(client, rendered, { slipway: VERSION });
  return objects.filter(({ action }) => action !== "keep");
}

it("plans without touching anything, applies, and then has nothing to do", async () => {
  const small = smallPlatform();
  const planned = await toDo(small);
  expect(planned.map(({ action }) => action)).toEqual(small.objects.map(() => "create"));
  expect(differences(before, await listing(cluster))).toEqual([]);
  await applyPlatform(small, { timeoutMs: TIMEOUT_MS }, deps());
  expect(await toDo(small)).toEqual([]);
});

const CHANGES: [string, (objects: KubernetesObject[]) => KubernetesObject[]][] = [
  [
    "replicas",
    withChanged("StatefulSet", "store", (it) => ({
      ...it,
      spec: { ...(it["spec"] as object), replicas: 3 },
    })),
  ],
  ["data", withChanged("ConfigMap", "settings", (it) => ({ ...it, data: { colour: "blue", size: "9" } }))],
  [
    "a right",
    withChanged("Role", "web", (it) => ({
      ...it,
      rules: [{ apiGroups: [""], resources: ["pods"], verbs: ["get"] }],
    })),
  ],
  ["a custom resource", withChanged("Widget", "one", (it) => ({ ...it, spec: { size: 7 } }))],
  ["one object less", (objects) => objects.filter(({ kind }) => kind !== "PodDisruptionBudget")],
];

it.each(CHANGES)("plans what happens when it changes: %s", async (_name, change) => {
  const changed = smallPlatform(change);
  const planned = await toDo(changed);
  expect(planned).not.toEqual([]);
  const earlier = await listing(cluster);
  await applyPlatform(changed, { timeoutMs: TIMEOUT_MS }, deps());
  const happened = changesBetween(earlier, await listing(cluster));
  expect(happened).toEqual(planned.map(({ key }) => key).sort());
  expect(await toDo(changed)).toEqual([]);
  await applyPlatform(smallPlatform(), { timeoutMs: TIMEOUT_MS }, deps());
});

it("takes up an apply that was interrupted after any object", async () => {
  await destroyPlatform(smallPlatform(), { timeoutMs: TIMEOUT_MS }, deps());
  const small = smallPlatform();
  for (let stopped = 1; stopped < small.objects.length; stopped += 3) {
    const stop = ({ step, ...rest }: Progress): void => {
      if (step === "applied" && "done" in rest && rest.done >= stopped) throw new Error("interrupted");
    };
    await expect(applyPlatform(small, { timeoutMs: TIMEOUT_MS, wait: false }, deps(stop))).rejects.toThrow(
      "interrupted",
    );
  }
  await applyPlatform(small, { timeoutMs: TIMEOUT_MS }, deps());
  expect(await toDo(small)).toEqual([]);
});

it("leaves the cluster as it was", async () => {
  await destroyPlatform(smallPlatform(), { timeoutMs: TIMEOUT_MS }, deps());
  expect(differences(before, await listing(cluster))).toEqual([]);
});
