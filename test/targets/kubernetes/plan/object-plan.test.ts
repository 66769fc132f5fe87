import { expect, test } from "vitest";
import type { ClusterClient } from "../../../../src/targets/kubernetes/cluster/client.ts";
import type { KubernetesObject } from "../../../../src/targets/kubernetes/object.ts";
import { planObject } from "../../../../src/targets/kubernetes/plan/object-plan.ts";

const KEY = "Deployment.apps/slipway/serve";
const deployment = (replicas: number, resourceVersion: string): KubernetesObject => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "serve", namespace: "slipway", resourceVersion },
  spec: { replicas },
});

/** Answers reads in turn, the last one again and again; a dry run changes nothing of what is there by then. */
function cluster(reads: KubernetesObject[], dryRuns: KubernetesObject[]): ClusterClient {
  const next = (all: KubernetesObject[]): KubernetesObject => (all.length > 1 ? all.shift()! : all[0]!);
  return {
    discovery: { find: async () => ({}) },
    read: async () => next(reads),
    apply: async () => ({ result: "applied", object: next(dryRuns) }),
  } as unknown as ClusterClient;
}

const plan = (client: ClusterClient) => {
  const { metadata, apiVersion, kind } = deployment(1, "1");
  const object = { apiVersion, kind, metadata: { name: metadata.name, namespace: "slipway" } };
  const rendered = { object, component: "slipway", from: ["components", "slipway"] };
  const none = new Set<string>();
  return planObject(client, rendered as Parameters<typeof planObject>[1], {
    platform: "p",
    owned: new Set([KEY]),
    definitions: none,
    namespaces: none,
    adopt: true,
    forceConflicts: false,
  });
};

test("what an autoscaler does between a look and the dry run is no change of the platform's", async () => {
  const client = cluster([deployment(1, "1"), deployment(2, "2")], [deployment(2, "2")]);
  expect(await plan(client)).toMatchObject({ action: "keep", fields: [] });
});

test("what the platform changes is told, also of an object that never rests", async () => {
  const still = cluster([deployment(1, "1")], [deployment(3, "1")]);
  expect(await plan(still)).toMatchObject({ action: "change", fields: [{ before: 1, after: 3 }] });
  const restless = cluster(
    ["1", "2", "3", "4", "5", "6"].map((version) => deployment(1, version)),
    [deployment(3, "7")],
  );
  expect(await plan(restless)).toMatchObject({ action: "change" });
});
