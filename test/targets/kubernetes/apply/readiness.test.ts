import { expect, test } from "vitest";
import { readinessOf } from "../../../../src/targets/kubernetes/apply/readiness.ts";
import { custom, deployment } from "../platform-fixture.ts";

const rolledOut = { observedGeneration: 2, replicas: 2, updatedReplicas: 2, availableReplicas: 2 };
const at = (status: object, generation = 2) => {
  const object = deployment("a", "i");
  return { ...object, metadata: { ...object.metadata, generation }, status };
};

test.each([
  [rolledOut, { state: "ready" }],
  [{}, { state: "waiting", why: "its controller hasn't seen it yet" }],
  [
    { ...rolledOut, observedGeneration: 1 },
    { state: "waiting", why: "its controller hasn't seen the change yet" },
  ],
  [
    { ...rolledOut, updatedReplicas: 1 },
    { state: "waiting", why: "1 of 2 pods are of this version" },
  ],
  [
    { ...rolledOut, replicas: 3 },
    { state: "waiting", why: "older pods still run" },
  ],
  [
    { ...rolledOut, availableReplicas: 0 },
    { state: "waiting", why: "0 of 2 pods are available" },
  ],
  [
    {
      ...rolledOut,
      conditions: [
        { type: "Progressing", status: "False", reason: "ProgressDeadlineExceeded", message: "too late" },
      ],
    },
    { state: "failed", why: "too late" },
  ],
])("a Deployment with %j", (status, readiness) => expect(readinessOf(at(status))).toEqual(readiness));

const withCondition = (condition: object) => ({
  ...custom("Thing", "a"),
  metadata: { name: "a", generation: 3 },
  status: { conditions: [{ type: "Ready", ...condition }] },
});

test.each([
  [{ status: "True" }, { state: "ready" }],
  [
    { status: "True", observedGeneration: 2 },
    { state: "waiting", why: "its controller hasn't seen the change yet" },
  ],
  [
    { status: "False", reason: "NoDisk", message: "no disk" },
    { state: "waiting", why: "no disk" },
  ],
])("a condition that a component names, %j", (condition, readiness) =>
  expect(readinessOf(withCondition(condition), "Ready")).toEqual(readiness),
);

test("an object that merely exists isn't healthy where its kind says so", () => {
  const database = { apiVersion: "postgresql.cnpg.io/v1", kind: "Cluster", metadata: { name: "db" } };
  expect(readinessOf(database)).toEqual({ state: "waiting", why: "says nothing of Ready yet" });
});

test("a Job is ready when it is complete, and failed when it failed", () => {
  const job = (type: string) => ({
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { name: "j" },
    status: { conditions: [{ type, status: "True", message: "m" }] },
  });
  expect(readinessOf(job("Complete"))).toEqual({ state: "ready" });
  expect(readinessOf(job("Failed"))).toEqual({ state: "failed", why: "m" });
});

test("a Gateway that nobody serves says so", () => {
  const conditions = ["Accepted", "Programmed"].map((type) => ({
    type,
    status: "Unknown",
    reason: "Pending",
    message: "Waiting for controller",
  }));
  const gateway = {
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "Gateway",
    metadata: { name: "platform", namespace: "gateway", generation: 1 },
    status: { conditions },
  };
  expect(readinessOf(gateway)).toEqual({
    state: "waiting",
    why: "isn't programmed: no controller has taken it yet (NO_CONTROLLER)",
  });
});
