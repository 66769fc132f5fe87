import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { eventually } from "../../e2e/platform.ts";
import { table } from "../../e2e/verdict.ts";
import { testCluster, type TestCluster } from "../support/cluster.ts";
import { installArgoWorkflows } from "./support/argo.ts";
import { killProcesses, leaderOf } from "./support/faults.ts";
import { Figures, failuresOf, seconds } from "./support/figures.ts";
import { tenantNamespace } from "./support/platform-objects.ts";
import { startClusterPlatform, type ClusterPlatform } from "./support/platform.ts";
import { testNode } from "./support/node.ts";
import { becomes, deletePod, isReady, podsBy, testImage, type NamedPod } from "./support/pods.ts";
import { ClusterService } from "./support/service.ts";
import { Traffic } from "./support/traffic.ts";
import { Writer } from "./support/writer.ts";

const NAMESPACE = "faults";
const TENANT = tenantNamespace(NAMESPACE);
const RATE = 50;
const QUESTIONS = 10;
const SERVE = { "app.kubernetes.io/component": "serve" };
const CONTROL = { "app.kubernetes.io/component": "control" };
/** Before and after a fault, so that what it costs is seen whole. */
const MARGIN_MS = 2_000;
const AWAY_MS = 30_000;
const API_AWAY_MS = 60_000;
const BACK_MS = 120_000;
const SPEC = `serving: { scale: { min: 2, max: 2 }, resources: { cpu: 0.1 } }
rollout:
  steps: [50]
  metrics: [{ name: errors, worseBy: 10pp }]
`;

let cluster: TestCluster;
let argo: { remove: () => Promise<void> };
let platform: ClusterPlatform;
let service: ClusterService;
let traffic: Traffic;
let writer: Writer;
const figures = new Figures();

beforeAll(async () => {
  cluster = testCluster();
  argo = await installArgoWorkflows(cluster);
  platform = await startClusterPlatform(cluster, NAMESPACE);
  service = await ClusterService.create(platform, "digits", table(), SPEC);
  await service.push();
  await service.until("a champion", ({ champion }) => champion?.version === 1);
  traffic = new Traffic({ ...platform, model: "digits", rate: RATE, questions: QUESTIONS });
  writer = new Writer(platform);
  await sleep(MARGIN_MS);
});

afterAll(async () => {
  await writer?.stop();
  await traffic?.stop();
  figures.print();
  await platform?.remove();
  await argo?.remove();
  service?.remove();
});

const control = () => leaderOf(cluster, NAMESPACE);
const serves = () => podsBy(cluster, NAMESPACE, SERVE);
const workers = () => podsBy(cluster, TENANT, { "slipway.dev/service": "digits" });

/** What callers saw of a fault, from shortly before it to shortly after the platform is whole again. */
async function during(
  fault: string,
  act: () => Promise<void>,
): Promise<{ predictions: string; writes: string }> {
  await whole();
  const from = Date.now();
  await sleep(MARGIN_MS);
  await act();
  await whole();
  await sleep(MARGIN_MS);
  const predictions = failuresOf(traffic.since(from));
  const writes = writer.since(from);
  const refused = writes.filter(({ id }) => id === undefined);
  const longest = Math.max(...writes.map(({ sentAt, endedAt }) => endedAt - sentAt));
  const kinds = [...new Set(refused.map(({ status, failure }) => `${status} ${failure}`))].join("; ");
  const told = `${refused.length} of ${writes.length}${kinds === "" ? "" : ` (${kinds})`}`;
  figures.add(`${fault}: predictions without a good answer`, predictions);
  figures.add(`${fault}: writes refused`, `${told}, the longest took ${seconds(longest)}`);
  return { predictions, writes: told };
}

/** Every pod is ready, and what has to be written is written. */
async function whole(): Promise<void> {
  await eventually(
    "a platform that is whole",
    async () => {
      const pods = await Promise.all([podsBy(cluster, NAMESPACE, CONTROL), serves(), workers()]);
      const isWhole = pods.every((some) => some.length === 2 && some.every((pod) => isReady(pod)));
      const last = writer.writes.at(-1);
      return isWhole && last?.id !== undefined && Date.now() - last.endedAt < 1_000 ? true : undefined;
    },
    BACK_MS,
  );
}

/** Waits until a pod's program has been started again. */
async function restarted({ metadata, status }: NamedPod): Promise<void> {
  const before = status?.containerStatuses?.[0]?.restartCount ?? 0;
  const path = `/api/v1/namespaces/${metadata.namespace}/pods/${metadata.name}`;
  await becomes<NamedPod>(
    cluster,
    path,
    (now) => (now.status?.containerStatuses?.[0]?.restartCount ?? 0) > before,
  );
}

async function gone({ metadata }: NamedPod): Promise<void> {
  const path = `/api/v1/namespaces/${metadata.namespace}/pods/${metadata.name}`;
  await eventually(`the end of ${metadata.name}`, async () => {
    const now = await cluster.get<NamedPod>(path);
    return now?.metadata.uid === metadata.uid ? undefined : true;
  });
}

async function crash(pod: NamedPod): Promise<void> {
  expect(killProcesses(pod)).toBeGreaterThan(0);
  await restarted(pod);
}

async function first(pods: Promise<NamedPod[]>): Promise<NamedPod> {
  const [pod] = await pods;
  if (pod === undefined) throw new Error("no such pod");
  return pod;
}

it("loses no prediction when the leader is killed", async () => {
  const { predictions } = await during("leader killed", async () => crash(await control()));
  expect(predictions).toMatch(/^0 of/);
});

it("loses no request when the leader is drained", async () => {
  const leader = await control();
  const { predictions, writes } = await during("leader drained", async () => {
    await deletePod(cluster, leader);
    await gone(leader);
  });
  expect(predictions).toMatch(/^0 of/);
  expect(writes).toMatch(/^0 of/);
});

it("loses no request when a serve pod is drained", async () => {
  const pod = await first(serves());
  const { predictions, writes } = await during("serve pod drained", async () => {
    await deletePod(cluster, pod);
    await gone(pod);
  });
  expect(predictions).toMatch(/^0 of/);
  expect(writes).toMatch(/^0 of/);
});

it("answers all that is asked once more when a serve pod is killed", async () => {
  const { predictions } = await during("serve pod killed", async () => crash(await first(serves())));
  expect(predictions).toMatch(/^0 of|; 0 when asked once more$/);
});

it("loses no prediction when a worker pod is killed", async () => {
  const { predictions } = await during("worker pod killed", async () => crash(await first(workers())));
  expect(predictions).toMatch(/^0 of/);
});

it("loses no prediction when a worker pod is drained", async () => {
  const pod = await first(workers());
  const { predictions } = await during("worker pod drained", async () => {
    await deletePod(cluster, pod);
    await gone(pod);
  });
  expect(predictions).toMatch(/^0 of/);
});

it("goes on predicting while the database is away", async () => {
  const { predictions } = await during("database away 30 s", async () => {
    platform.database.cut();
    await sleep(AWAY_MS);
    platform.database.mend();
  });
  expect(predictions).toMatch(/^0 of/);
});

it("goes on predicting and tracking while the object store is away, and takes a push after it", async () => {
  const { predictions, writes } = await during("object store away 30 s", async () => {
    platform.store.cut();
    await sleep(AWAY_MS);
    platform.store.mend();
  });
  expect(predictions).toMatch(/^0 of/);
  expect(writes).toMatch(/^0 of/);
});

it("puts a variant back that somebody changed by hand", async () => {
  const path = `/apis/apps/v1/namespaces/${TENANT}/deployments/digits-v1`;
  const imageOf = (object: Templated): string | undefined => object.spec.template.spec.containers[0]?.image;
  const { predictions } = await during("Deployment changed by hand", async () => {
    const changed = {
      spec: { template: { spec: { containers: [{ name: "model", image: "slipway.local/other:1" }] } } },
    };
    const { status } = await cluster.send({
      method: "PATCH",
      path,
      body: changed,
      contentType: "application/strategic-merge-patch+json",
    });
    expect(status).toBe(200);
    const at = Date.now();
    await becomes<Templated>(cluster, path, (now) => imageOf(now) === testImage());
    figures.add("Deployment changed by hand: put back after", seconds(Date.now() - at));
  });
  expect(predictions).toMatch(/^0 of/);
});

it("goes on while the API server is away", async () => {
  const server = testNode().pids?.["kube-apiserver"];
  if (server === undefined) throw new Error("SLIPWAY_TEST_NODE says no kube-apiserver");
  const { predictions, writes } = await during("API server away 60 s", async () => {
    process.kill(server, "SIGSTOP");
    try {
      await sleep(API_AWAY_MS);
    } finally {
      process.kill(server, "SIGCONT");
    }
  });
  expect(predictions).toMatch(/^0 of/);
  expect(writes).toMatch(/^0 of/);
});

it("begins anew on an empty volume with all that was pushed", async () => {
  const leader = await control();
  const claim = `/api/v1/namespaces/${NAMESPACE}/persistentvolumeclaims/data-${leader.metadata.name}`;
  const before = await cluster.get<{ metadata: { uid: string } }>(claim);
  const { predictions } = await during("Git volume lost", async () => {
    // It goes with the last pod that uses it.
    await cluster.send({ method: "DELETE", path: claim });
    await deletePod(cluster, leader, 0);
    await gone(leader);
    await becomes<{ metadata: { uid: string } }>(
      cluster,
      claim,
      ({ metadata }) => metadata.uid !== before?.metadata.uid,
    );
  });
  expect(predictions).toMatch(/^0 of/);
  // Whoever leads now; then the one with the empty volume.
  await service.change(table({ size: QUESTIONS + 1 }), SPEC);
  await service.ended(2);
  const other = await control();
  if (other.metadata.name !== leader.metadata.name) await crash(other);
  await whole();
  await service.change(table({ size: QUESTIONS + 2 }), SPEC);
  expect(await service.ended(3)).toMatchObject({ champion: { version: 3 } });
});

it("has everything that it acknowledged", async () => {
  expect(await writer.lost()).toEqual([]);
});

interface Templated {
  spec: { template: { spec: { containers: { image: string }[] } } };
}
