import { afterAll, beforeAll, expect, it } from "vitest";
import { eventually } from "../../support/serving-platform.ts";
import { testCluster, type TestCluster } from "../support/cluster.ts";
import { installKserve, MANAGER_PATH } from "./support/kserve.ts";
import { becomes, isReady, make, podsBy } from "./support/pods.ts";
import { servingCases } from "./support/serving-cases.ts";

const NEVER = new AbortController().signal;

interface Deployment {
  metadata: { name: string };
}

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
  it("takes variants over from Deployments when it comes, and every request is answered meanwhile", async () => {
    const { lead, spec, rule, ask, world } = bed();
    const before = await lead({ isKserve: false });
    await before.prepare(spec(7), NEVER);
    await before.route(rule({ commit: "k", order: 7, champion: 7 }));
    const backend = await lead();
    const answers: ReturnType<typeof ask>[] = [];
    const ready: number[] = [];
    const path = `/apis/apps/v1/namespaces/${world.place}/deployments`;
    const serve = (await world.servePods())[0]!;
    await eventually(
      "KServe's Deployment, and no other",
      async () => {
        answers.push(ask(serve));
        const pods = await podsBy(cluster, world.place, { "slipway.dev/version": "7" });
        ready.push(pods.filter(isReady).length);
        const all = (await cluster.get<{ items: Deployment[] }>(path))?.items ?? [];
        return all.map(({ metadata }) => metadata.name).join() === "iris-v7-predictor";
      },
      90_000,
    );
    const failed = (await Promise.all(answers)).filter(({ status }) => status !== 200);
    // A request that finds no pod waits for one: that nothing failed doesn't tell that there always was one.
    expect({ failed, fewest: Math.min(...ready) }).toEqual({ failed: [], fewest: 1 });
    await backend.unroute("iris", 8);
    await backend.remove({ service: "iris", version: 7 });
  });

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
