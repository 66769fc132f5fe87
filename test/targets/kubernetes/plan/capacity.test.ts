import { expect, test } from "vitest";
import { asksOf } from "../../../../src/targets/kubernetes/plan/asks.ts";
import { askedFor, lacksOf } from "../../../../src/targets/kubernetes/plan/capacity.ts";
import { readQuantity } from "../../../../src/targets/kubernetes/plan/quantity.ts";
import { deployment } from "../platform-fixture.ts";

const GI = 2 ** 30;

test.each([
  ["500m", 0.5],
  [2, 2],
  ["1.5", 1.5],
  ["16Gi", 16 * GI],
  ["1e3", 1000],
  ["1k", 1000],
  ["nothing", 0],
])("reads the quantity %s", (text, value) => expect(readQuantity(text)).toBe(value));

test("counts every replica", () => {
  expect(asksOf(deployment("a", "i", 3), 1)).toEqual({ cpu: 1.5, memory: 3 * GI, storage: 0, pods: 3 });
});

test("counts as the scheduler does: the largest init container when it asks for more, sidecars always", () => {
  const requests = (cpu: string, memory: string) => ({ resources: { requests: { cpu, memory } } });
  const pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "p" },
    spec: {
      initContainers: [requests("2", "1Gi"), { ...requests("1", "1Gi"), restartPolicy: "Always" }],
      containers: [requests("500m", "1Gi")],
    },
  };
  expect(asksOf(pod, 1)).toMatchObject({ cpu: 2, memory: 2 * GI });
});

test("an operator's own kind asks for what it will make", () => {
  const cluster = {
    apiVersion: "postgresql.cnpg.io/v1",
    kind: "Cluster",
    metadata: { name: "db" },
    spec: { instances: 2, resources: { requests: { cpu: "1", memory: "2Gi" } }, storage: { size: "20Gi" } },
  };
  expect(asksOf(cluster, 1)).toEqual({ cpu: 2, memory: 4 * GI, storage: 40 * GI, pods: 2 });
});

test("an autoscaler says what it may grow to", () => {
  const { replicas: _replicas, ...spec } = deployment("a", "i")["spec"] as Record<string, unknown>;
  const scaler = {
    apiVersion: "autoscaling/v2",
    kind: "HorizontalPodAutoscaler",
    metadata: { name: "a", namespace: "slipway" },
    spec: { scaleTargetRef: { kind: "Deployment", name: "a" }, minReplicas: 2, maxReplicas: 10 },
  };
  const objects = [{ ...deployment("a", "i"), spec }, scaler].map((object) => ({ object, component: "c" }));
  const { asked, most, parts } = askedFor(objects, 1);
  expect([asked.pods, most.pods]).toEqual([2, 10]);
  expect(parts).toEqual([{ part: "c", asked }]);
});

test("says what doesn't fit", () => {
  const nodes = {
    nodes: 1,
    architectures: ["amd64"],
    allocatable: { cpu: 2, memory: 4 * GI, pods: 110 },
    takenByOthers: { cpu: 1, memory: GI, pods: 10 },
  };
  expect(lacksOf({ cpu: 2, memory: 2 * GI, storage: 0, pods: 4 }, nodes)).toEqual([
    "2 cores are asked for, 1 are free",
  ]);
});
