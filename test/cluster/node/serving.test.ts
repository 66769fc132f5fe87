import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FastifyInstance } from "fastify";
import { afterAll, beforeAll, expect, it } from "vitest";
import { systemClock } from "../../../src/base/clock.ts";
import { openGit } from "../../../src/git/plumbing.ts";
import { openRenderedBranch } from "../../../src/git/rendered-branch.ts";
import { openSentry } from "../../../src/http/sentry.ts";
import { createApp } from "../../../src/http/server.ts";
import { adminToken } from "../../../src/roles/cluster/internal-tokens.ts";
import { archiveRoutes } from "../../../src/serving/archive/archive-routes.ts";
import { ArchiveStore } from "../../../src/serving/archive/archive-store.ts";
import type { TrafficRule, VariantSpec } from "../../../src/serving/backend.ts";
import type { OutcomeReport } from "../../../src/serving/outcomes.ts";
import { createFolderBlobs } from "../../../src/store/folder-blobs.ts";
import { ClusterClient } from "../../../src/targets/kubernetes/cluster/client.ts";
import type { KubernetesObject } from "../../../src/targets/kubernetes/object.ts";
import { Applier } from "../../../src/targets/kubernetes/serving/applier.ts";
import { openKubernetesServing } from "../../../src/targets/kubernetes/serving/backend.ts";
import type { KubernetesServing } from "../../../src/targets/kubernetes/serving/backend.ts";
import type { ClusterEvent } from "../../../src/targets/kubernetes/serving/causes.ts";
import { readPodLog } from "../../../src/targets/kubernetes/serving/pod-log.ts";
import { clusterReplicas } from "../../../src/targets/kubernetes/serving/replicas.ts";
import { variantName } from "../../../src/targets/kubernetes/serving/names.ts";
import { VARIANT_KINDS } from "../../../src/targets/kubernetes/serving/variant-kinds.ts";
import { WatchedPods } from "../../../src/targets/kubernetes/serving/watched-pods.ts";
import { tenantOfWorker, workerToken } from "../../../src/tenancy/worker-tokens.ts";
import { linearSoftmax, sequenceOutput } from "../../support/onnx.ts";
import { eventually } from "../../support/serving-platform.ts";
import { testCluster, type TestCluster } from "../support/cluster.ts";
import { removeNamespaces } from "../support/objects.ts";
import { hostAddress } from "./support/node.ts";
import { deletePod, isReady, make, podsBy, podSpec, testImage, type NamedPod } from "./support/pods.ts";

const HOME = "pods-test";
const PLACE = "pods-test-default";
const SECRET = "internal-secret-of-at-least-thirty-two-characters";
const TOKEN = "slipway_admin_of_at_least_thirty_two_characters";
const SERVE = { "app.kubernetes.io/name": "slipway", "app.kubernetes.io/component": "serve" };
const BODY = JSON.stringify({ inputs: [{ name: "x", datatype: "FP32", shape: [1, 4], data: [1, 2, 3, 4] }] });
const IRIS = { "slipway.dev/service": "iris" };
const NEVER = new AbortController().signal;

let cluster: TestCluster;
let root: string;
let platform: FastifyInstance;
let backend: KubernetesServing;
let open: (other?: { image: string; branch: string }) => Promise<KubernetesServing>;
/** Applies everything as it stands in Git, as is done to put back what somebody changed. */
let applyAll: () => Promise<void>;
let good: string;
const stop = new AbortController();
const kept = new Map<string, OutcomeReport>();
const logged: string[] = [];

beforeAll(async () => {
  cluster = testCluster();
  root = await mkdtemp(join(tmpdir(), "slipway-pods-"));
  const archives = new ArchiveStore(createFolderBlobs(join(root, "blobs")));
  platform = await createApp({
    guard: () => null,
    sentry: openSentry,
    logDefect: () => undefined,
    version: "0.0.0",
  });
  archiveRoutes(platform, { archives, tenantOfWorker: (token) => tenantOfWorker(SECRET, token) });
  await platform.listen({ port: 0, host: "0.0.0.0" });
  const labels = { "pod-security.kubernetes.io/enforce": "restricted" };
  const namespace = (name: string) => ({ apiVersion: "v1", kind: "Namespace", metadata: { name, labels } });
  await make(
    cluster,
    namespace(HOME),
    namespace(PLACE),
    { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "serving", namespace: PLACE } },
    {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "slipway-worker", namespace: PLACE },
      stringData: { token: workerToken(SECRET, "default") },
    } as KubernetesObject,
    serveDeployment(),
  );
  const client = new ClusterClient(cluster.send);
  const log = (error: unknown, where: string) => void logged.push(`${where}: ${String(error)}`);
  const deps = { client, clock: systemClock, signal: stop.signal, log };
  const pods = new WatchedPods({ ...deps, open: cluster.open });
  await Promise.all([pods.follow(HOME), pods.follow(PLACE)]);
  const git = await openGit({ path: process.env["PATH"] ?? "" });
  const repository = join(root, "environment.git");
  await git.run(["init", "--bare", "--quiet", repository]);
  applyAll = async () => {
    const branch = openRenderedBranch({
      path: repository,
      git,
      clock: systemClock,
      branch: "refs/heads/kubernetes",
    });
    const { commit, files } = await branch.read();
    await new Applier({ ...deps, kinds: VARIANT_KINDS }).carryOut(commit ?? "", files);
  };
  let leaders = 0;
  open = async ({ image, branch } = { image: testImage(), branch: "kubernetes" }) => {
    const one = await openKubernetesServing({
      ...deps,
      pods,
      carrier: new Applier({ ...deps, kinds: VARIANT_KINDS }),
      replicas: clusterReplicas(client),
      serveLabels: SERVE,
      portName: "admin",
      token: adminToken(SECRET),
      namespace: HOME,
      image,
      pullPolicy: "IfNotPresent",
      url: `http://${hostAddress()}:${(platform.server.address() as AddressInfo).port}`,
      isKserve: false,
      branch: openRenderedBranch({
        path: repository,
        git,
        clock: systemClock,
        branch: `refs/heads/${branch}`,
      }),
      archives,
      gone: {
        list: async () => [...kept.values()],
        keep: async (report) => void kept.set(report.incarnation, report),
      },
      tenantOf: async () => "default",
      ensureTenant: async () => undefined,
      events: async (place) =>
        (await client.listKind("v1", "Event", { namespace: place })) as unknown as ClusterEvent[],
      podLog: (pod, lines) => readPodLog(cluster.open, pod, lines),
      incarnation: `leader-${leaders++}`,
      prepareMs: 15_000,
    });
    one.start();
    await one.admit({ tokens: [] });
    return one;
  };
  backend = await open();
  good = await model("good", linearSoftmax());
  await eventually("two serve pods that were told", async () => (await servePods()).length === 2, 120_000);
});

afterAll(async () => {
  backend?.close();
  stop.abort(new Error("the test is over"));
  await removeNamespaces(cluster, [HOME, PLACE]);
  await platform?.close();
  await rm(root, { recursive: true, force: true });
});

function serveDeployment(): KubernetesObject {
  const value = (name: string, text: string) => ({ name, value: text });
  const spec = podSpec({
    name: "serve",
    args: ["--role=serve"],
    ports: [
      { name: "http", containerPort: 4600 },
      { name: "admin", containerPort: 4605 },
    ],
    env: [
      value("SLIPWAY_INTERNAL_TOKEN", SECRET),
      value("SLIPWAY_ADMIN_TOKEN", TOKEN),
      value("SLIPWAY_CONTROL", "127.0.0.1:1"),
    ],
    readinessProbe: { httpGet: { path: "/ready", port: "admin" }, periodSeconds: 1 },
  });
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "serve", namespace: HOME },
    spec: {
      replicas: 2,
      selector: { matchLabels: SERVE },
      template: { metadata: { labels: SERVE }, spec: { ...spec, enableServiceLinks: false } },
    },
  };
}

async function model(name: string, file: Uint8Array): Promise<string> {
  const folder = join(root, name);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "model.onnx"), file);
  return folder;
}

async function servePods(): Promise<NamedPod[]> {
  return (await podsBy(cluster, HOME, { "app.kubernetes.io/component": "serve" })).filter(isReady);
}

const spec = (version: number, more: Partial<VariantSpec> = {}): VariantSpec => ({
  service: "iris",
  version,
  format: "onnx",
  modelDir: good,
  workers: 1,
  ...more,
});

const rule = (more: Partial<TrafficRule>): TrafficRule => ({
  service: "iris",
  commit: "a",
  order: 1,
  champion: 1,
  share: 0,
  timeoutMs: 20_000,
  maxBodyBytes: 100_000,
  protocols: ["v2"],
  ...more,
});

async function ask(pod: NamedPod): Promise<{ status: number; version: string | null }> {
  const response = await fetch(`http://${pod.status?.podIP}:4600/v2/models/iris/infer`, {
    method: "POST",
    body: BODY,
    headers: { authorization: `Bearer ${TOKEN}` },
  });
  await response.arrayBuffer();
  return { status: response.status, version: response.headers.get("x-slipway-variant") };
}

it("makes a variant of two pods ready, checks it through a pod, and routes at every serve pod", async () => {
  await backend.prepare(spec(1, { workers: 2 }), NEVER);
  const answer = await backend.probe({ service: "iris", version: 1 }, BODY, NEVER);
  expect(answer.status).toBe(200);
  await backend.route(rule({}));
  for (const pod of await servePods()) expect(await ask(pod)).toEqual({ status: 200, version: "1" });
  const { variants } = await backend.state();
  expect(variants[0]?.workers.map(({ state }) => state)).toEqual(["ready", "ready"]);
  expect((await backend.logs({ service: "iris", version: 1 }, 50)).join("\n")).toContain("serves version 1");
});

it("answers every request while a model's pod and a serve pod are lost, and counts each once", async () => {
  const [first, second] = await servePods();
  const counted = async () =>
    (await backend.outcomes()).counters.reduce((sum, { finished }) => sum + finished, 0);
  const before = await counted();
  const answers: number[] = [];
  const send = async (pod: NamedPod, count: number) => {
    for (let i = 0; i < count; i++) answers.push((await ask(pod)).status);
  };
  await send(second!, 20);
  await counted();
  const [worker] = await podsBy(cluster, PLACE, IRIS);
  await Promise.all([send(first!, 60), deletePod(cluster, worker!, 0)]);
  await deletePod(cluster, second!, 0);
  await send(first!, 20);
  expect(answers.filter((status) => status !== 200)).toEqual([]);
  const fresh = await eventually(
    "a serve pod in its place",
    async () => (await servePods()).find(({ metadata }) => metadata.uid !== first!.metadata.uid),
    60_000,
  );
  expect(await ask(fresh)).toEqual({ status: 200, version: "1" });
  expect((await counted()) - before).toBe(answers.length + 1);
});

it("goes on under another leader, from the branch alone", async () => {
  backend.close();
  const before = await podsBy(cluster, PLACE, IRIS);
  backend = await open();
  await eventually("outcomes", () => backend.outcomes().catch(() => undefined));
  expect((await backend.state()).rules).toMatchObject([{ service: "iris", commit: "a", champion: 1 }]);
  for (const pod of await servePods()) expect(await ask(pod)).toEqual({ status: 200, version: "1" });
  await backend.route(rule({ commit: "b", order: 2 }));
  await expect(backend.route(rule({}))).rejects.toMatchObject({ code: "RULE_OUTDATED" });
  const after = await podsBy(cluster, PLACE, IRIS);
  expect(after.map(({ metadata }) => metadata.uid).sort()).toEqual(
    before.map(({ metadata }) => metadata.uid).sort(),
  );
});

it("says that a model can't be loaded, in its own words, and leaves nothing behind", async () => {
  const bad = spec(2, { modelDir: await model("bad", sequenceOutput()) });
  await expect(backend.prepare(bad, NEVER)).rejects.toMatchObject({
    code: "VARIANT_NOT_READY",
    facts: { details: { cause: "MODEL_NOT_LOADED" } },
  });
  await eventually(
    "no pods",
    async () => (await podsBy(cluster, PLACE, { "slipway.dev/version": "2" })).length === 0,
    90_000,
  );
});

it("takes away what isn't named any more", async () => {
  await backend.unroute("iris", 3);
  await backend.remove({ service: "iris", version: 1 });
  await eventually("no pods", async () => (await podsBy(cluster, PLACE, IRIS)).length === 0, 90_000);
  const { body } = await cluster.send({
    method: "GET",
    path: `/apis/apps/v1/namespaces/${PLACE}/deployments`,
  });
  expect((body as { items: unknown[] }).items).toEqual([]);
  expect(logged).toEqual([]);
});

it("has no pods while nobody asks, and answers the first request from the one that it brings", async () => {
  const idle = { max: 1, concurrency: 4, idleMs: 5_000 };
  const pods = async () => (await podsBy(cluster, PLACE, { "slipway.dev/version": "7" })).length;
  const none = () =>
    eventually(
      "no pods",
      async () => (await backend.state()).variants.find(({ version }) => version === 7)?.workers.length === 0,
      60_000,
    );
  const replicas = async () => {
    const path = `/apis/apps/v1/namespaces/${PLACE}/deployments/${variantName({ service: "iris", version: 7 })}`;
    const { body } = await cluster.send({ method: "GET", path });
    return (body as { spec: { replicas: number } }).spec.replicas;
  };
  await backend.prepare(spec(7, { workers: 0, scale: idle }), NEVER);
  await backend.route(rule({ commit: "g", order: 7, champion: 7, timeoutMs: 60_000 }));
  const [first, second] = await servePods();
  for (const serve of [first!, second!, first!]) {
    await none();
    const began = performance.now();
    const answers = await Promise.all([ask(serve), ask(serve)]);
    console.log(`cold request answered after ${((performance.now() - began) / 1_000).toFixed(1)} s`);
    expect(answers).toEqual(answers.map(() => ({ status: 200, version: "7" })));
    expect(await pods()).toBe(1);
  }
  await none();
  await applyAll();
  expect(await replicas()).toBe(0);
  await backend.unroute("iris", 8);
  await backend.remove({ service: "iris", version: 7 });
  expect(logged).toEqual([]);
});

it("names what keeps pods from running: a node, a quota, an image", async () => {
  const quick = new AbortController();
  const cause = async (one: KubernetesServing, wanted: VariantSpec): Promise<unknown> =>
    one.prepare(wanted, quick.signal).then(
      () => "ready",
      (error: { facts?: { details?: { cause?: string } } }) => error.facts?.details?.cause,
    );
  const quota = {
    apiVersion: "v1",
    kind: "ResourceQuota",
    metadata: { name: "few", namespace: PLACE },
    spec: { hard: { "limits.memory": "4Gi", pods: "4" } },
  };
  const elsewhere = await open({ image: "slipway.invalid/none:1", branch: "elsewhere" });
  try {
    expect(await cause(elsewhere, spec(4))).toBe("IMAGE_NOT_PULLED");
  } finally {
    elsewhere.close();
  }
  expect(await cause(backend, spec(3, { cpu: 1000 }))).toBe("POD_UNSCHEDULABLE");
  try {
    await make(cluster, quota);
    expect(await cause(backend, spec(5, { memoryBytes: 8 * 1024 ** 3 }))).toBe("QUOTA_EXCEEDED");
  } finally {
    await cluster.send({
      method: "DELETE",
      path: `/api/v1/namespaces/${PLACE}/resourcequotas/few`,
    });
  }
});
