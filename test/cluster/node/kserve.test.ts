import { afterAll, beforeAll, expect, it } from "vitest";
import { testCluster, type TestCluster } from "../support/cluster.ts";
import { installKserve, MANAGER_PATH } from "./support/kserve.ts";
import { becomes, make, podsBy } from "./support/pods.ts";
import { servingCases } from "./support/serving-cases.ts";

const NEVER = new AbortController().signal;

let cluster: TestCluster;
let kserve: { remove: () => Promise<void> };

beforeAll(async () => {
  cluster = testCluster();
  kserve = await installKserve(cluster);
});

afterAll(async () => {
  await kserve?.remove();
});

/** With none, nobody answers KServe's webhooks. */
async function managers(replicas: number): Promise<void> {
  const contentType = "application/merge-patch+json";
  const { status } = await cluster.send({
    method: "PATCH",
    path: MANAGER_PATH,
    contentType,
    body: { spec: { replicas } },
  });
  expect(status).toBe(200);
  await becomes<{ status?: { replicas?: number; readyReplicas?: number } }>(
    cluster,
    MANAGER_PATH,
    ({ status: now }) => (now?.replicas ?? 0) === replicas && (now?.readyReplicas ?? 0) === replicas,
  );
}

servingCases(true, (bed) => {
  it("waits for KServe while it is away, which says nothing about a version", async () => {
    const { lead, spec, world } = bed();
    const backend = await lead();
    await managers(0);
    try {
      await expect(backend.prepare(spec(8), NEVER)).rejects.toMatchObject({
        code: "GITOPS_STALLED",
        message: expect.stringContaining("failed calling webhook") as string,
      });
    } finally {
      await managers(1);
    }
    await backend.prepare(spec(8), NEVER);
    expect(await podsBy(cluster, world.place, { "slipway.dev/version": "8" })).toHaveLength(1);
    await backend.remove({ service: "iris", version: 8 });
  });

  it("says what keeps KServe from making pods", async () => {
    const { lead, spec, world } = bed();
    const backend = await lead({ prepareMs: 10_000 });
    const metadata = { name: "none", namespace: world.place };
    const none = { "count/deployments.apps": "0" };
    await make(cluster, { apiVersion: "v1", kind: "ResourceQuota", metadata, spec: { hard: none } });
    try {
      await expect(backend.prepare(spec(9), NEVER)).rejects.toMatchObject({
        code: "VARIANT_NOT_READY",
        message: expect.stringContaining("KServe makes no pods of it") as string,
        facts: { details: { cause: "QUOTA_EXCEEDED" } },
      });
    } finally {
      const path = `/api/v1/namespaces/${world.place}/resourcequotas/none`;
      await cluster.send({ method: "DELETE", path });
    }
  });
});
