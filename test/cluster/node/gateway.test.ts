import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { request } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FastifyInstance } from "fastify";
import { afterAll, beforeAll, expect, it } from "vitest";
import { systemClock } from "../../../src/base/clock.ts";
import { openGit } from "../../../src/git/plumbing.ts";
import { openRenderedBranch } from "../../../src/git/rendered-branch.ts";
import { digestOf } from "../../../src/http/credentials.ts";
import { openSentry } from "../../../src/http/sentry.ts";
import { createApp } from "../../../src/http/server.ts";
import { adminToken } from "../../../src/roles/cluster/internal-tokens.ts";
import { archiveRoutes } from "../../../src/serving/archive/archive-routes.ts";
import { ArchiveStore } from "../../../src/serving/archive/archive-store.ts";
import type { TrafficRule, VariantSpec } from "../../../src/serving/backend.ts";
import type { OutcomeCounter, OutcomeReport } from "../../../src/serving/outcomes.ts";
import { createFolderBlobs } from "../../../src/store/folder-blobs.ts";
import { ClusterClient } from "../../../src/targets/kubernetes/cluster/client.ts";
import type { KubernetesObject } from "../../../src/targets/kubernetes/object.ts";
import { Applier } from "../../../src/targets/kubernetes/serving/applier.ts";
import type { ClusterEvent } from "../../../src/targets/kubernetes/serving/causes.ts";
import { openGatewayServing } from "../../../src/targets/kubernetes/serving/gateway/gateway-serving.ts";
import type { GatewayServing } from "../../../src/targets/kubernetes/serving/gateway/gateway-serving.ts";
import { readPodLog } from "../../../src/targets/kubernetes/serving/pod-log.ts";
import { ROUTE_KIND, VARIANT_KINDS } from "../../../src/targets/kubernetes/serving/variant-kinds.ts";
import { WatchedPods } from "../../../src/targets/kubernetes/serving/watched-pods.ts";
import { tenantOfWorker, workerToken } from "../../../src/tenancy/worker-tokens.ts";
import { linearSoftmax } from "../../support/onnx.ts";
import { eventually } from "../../support/serving-platform.ts";
import { testCluster, type TestCluster } from "../support/cluster.ts";
import { removeNamespaces } from "../support/objects.ts";
import { installGateway } from "./support/gateway.ts";
import type { InstalledGateway } from "./support/gateway.ts";
import { hostAddress } from "./support/node.ts";
import { deletePod, isReady, make, podsBy, podSpec, testImage } from "./support/pods.ts";

const HOME = "gateway-test";
const PLACE = "gateway-test-default";
const HOST = "slipway.example.com";
const SECRET = "internal-secret-of-at-least-thirty-two-characters";
const TOKEN = "slipway_admin_of_at_least_thirty_two_characters";
const CALLER = "slipway_caller_of_at_least_thirty_two_characters";
const SERVE = { "app.kubernetes.io/name": "slipway", "app.kubernetes.io/component": "serve" };
const BODY = JSON.stringify({ inputs: [{ name: "x", datatype: "FP32", shape: [1, 4], data: [1, 2, 3, 4] }] });
const IRIS = { "slipway.dev/service": "iris" };
const NEVER = new AbortController().signal;
/** Standard deviations between which 99.9 % of a normal distribution lie. */
const BAND = 3.291;

let cluster: TestCluster;
let gateway: InstalledGateway;
let root: string;
let platform: FastifyInstance;
let backend: GatewayServing;
let modelDir: string;
const stop = new AbortController();
const kept = new Map<string, OutcomeReport>();
const logged: string[] = [];

beforeAll(async () => {
  cluster = testCluster();
  gateway = await installGateway(cluster, "*.example.com");
  root = await mkdtemp(join(tmpdir(), "slipway-gateway-"));
  const archives = new ArchiveStore(createFolderBlobs(join(root, "blobs")));
  platform = await createApp({
    guard: () => null,
    sentry: openSentry,
    logDefect: () => undefined,
    version: "0.0.0",
  });
  archiveRoutes(platform, { archives, tenantOfWorker: (token) => tenantOfWorker(SECRET, token) });
  await platform.listen({ port: 0, host: "0.0.0.0" });
  await make(cluster, ...objects());
  const client = new ClusterClient(cluster.send);
  const log = (error: unknown, where: string) => void logged.push(`${where}: ${String(error)}`);
  const deps = { client, clock: systemClock, signal: stop.signal, log };
  const pods = new WatchedPods({ ...deps, open: cluster.open });
  await Promise.all([pods.follow(HOME), pods.follow(PLACE)]);
  const git = await openGit({ path: process.env["PATH"] ?? "" });
  const repository = join(root, "environment.git");
  await git.run(["init", "--bare", "--quiet", repository]);
  const branch = { path: repository, git, clock: systemClock, branch: "refs/heads/kubernetes" };
  const { name, namespace, listener, url } = gateway;
  backend = await openGatewayServing({
    ...deps,
    pods,
    carrier: new Applier({ ...deps, kinds: [...VARIANT_KINDS, ROUTE_KIND] }),
    serveLabels: SERVE,
    portName: "admin",
    token: adminToken(SECRET),
    namespace: HOME,
    image: testImage(),
    pullPolicy: "IfNotPresent",
    url: `http://${hostAddress()}:${(platform.server.address() as AddressInfo).port}`,
    isKserve: false,
    branch: openRenderedBranch(branch),
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
    incarnation: "leader",
    gateway: { name, namespace, listener, host: HOST },
    door: { url, host: HOST },
    tokenOf: (tenant) => workerToken(SECRET, tenant),
  });
  backend.start();
  const caller = { id: "caller", sha256: digestOf(CALLER), tenants: ["default"], expiresAt: null };
  await backend.admit({ tokens: [caller] });
  modelDir = join(root, "model");
  await mkdir(modelDir);
  await writeFile(join(modelDir, "model.onnx"), linearSoftmax());
  await eventually("a serve pod", async () => (await podsBy(cluster, HOME, {})).some(isReady), 180_000);
}, 600_000);

afterAll(async () => {
  backend?.close();
  stop.abort(new Error("the test is over"));
  await removeNamespaces(cluster, [HOME, PLACE]);
  await gateway?.remove();
  await platform?.close();
  await rm(root, { recursive: true, force: true });
});

/** The platform's own namespaces, a serve pod, and the route of the platform's one address. */
function objects(): KubernetesObject[] {
  const labels = { "pod-security.kubernetes.io/enforce": "restricted" };
  const namespace = (name: string) => ({ apiVersion: "v1", kind: "Namespace", metadata: { name, labels } });
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
      value("SLIPWAY_HOSTS", HOST),
      value("SLIPWAY_CONTROL", "127.0.0.1:1"),
    ],
    readinessProbe: { httpGet: { path: "/ready", port: "admin" }, periodSeconds: 1 },
  });
  const parent = { name: gateway.name, namespace: gateway.namespace, sectionName: gateway.listener };
  return [
    namespace(HOME),
    namespace(PLACE),
    { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "serving", namespace: PLACE } },
    {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "slipway-worker", namespace: PLACE },
      stringData: { token: workerToken(SECRET, "default") },
    } as KubernetesObject,
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "serve", namespace: HOME },
      spec: {
        replicas: 1,
        selector: { matchLabels: SERVE },
        template: { metadata: { labels: SERVE }, spec: { ...spec, enableServiceLinks: false } },
      },
    },
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "slipway", namespace: HOME },
      spec: { selector: SERVE, ports: [{ name: "http", port: 4600, targetPort: "http" }] },
    },
    {
      apiVersion: "gateway.networking.k8s.io/v1",
      kind: "HTTPRoute",
      metadata: { name: "slipway", namespace: HOME },
      spec: {
        parentRefs: [parent],
        hostnames: [HOST],
        rules: [{ backendRefs: [{ name: "slipway", port: 4600 }] }],
      },
    },
  ];
}

const spec = (version: number): VariantSpec => ({
  service: "iris",
  version,
  format: "onnx",
  modelDir,
  workers: 1,
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

interface Answer {
  status: number;
  version: number;
  body: string;
}

/** From outside, by the name that callers use. */
function ask(path: string, token = CALLER, body: string | undefined = BODY): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = { host: HOST, authorization: `Bearer ${token}`, "content-type": "application/json" };
    const method = body === "" ? "GET" : "POST";
    const req = request(new URL(path, gateway.url), { method, headers, timeout: 20_000 }, (res) => {
      let text = "";
      res.setEncoding("utf8").on("data", (piece: string) => (text += piece));
      res.on("end", () =>
        resolve({
          status: res.statusCode ?? 0,
          version: Number(res.headers["x-slipway-variant"] ?? 0),
          body: text,
        }),
      );
    });
    req.on("error", reject);
    req.on("timeout", () => req.destroy(new Error("no answer within 20 s")));
    req.end(body);
  });
}

/** Good answers that callers have got by now. */
let answered = 0;

/** Answers by version; of a failed one by its status, negative. */
async function send(count: number): Promise<Map<number, number>> {
  const by = new Map<number, number>();
  let left = count;
  const lane = async (): Promise<void> => {
    while (left-- > 0) {
      const { status, version } = await ask("/v2/models/iris/infer");
      const key = status === 200 ? version : -status;
      if (status === 200) answered += 1;
      by.set(key, (by.get(key) ?? 0) + 1);
    }
  };
  await Promise.all([lane(), lane(), lane(), lane()]);
  return by;
}

const all = (by: ReadonlyMap<number, number>): number =>
  [...by.values()].reduce((sum, count) => sum + count, 0);

const finished = (counters: readonly OutcomeCounter[], is: Partial<OutcomeCounter>): number =>
  counters
    .filter((one) => Object.entries(is).every(([key, value]) => one[key as keyof OutcomeCounter] === value))
    .reduce((sum, one) => sum + one.finished, 0);

const counted = async (is: Partial<OutcomeCounter> = {}): Promise<number> =>
  finished((await backend.outcomes()).counters, is);

it("leads from outside to the platform's own address", async () => {
  const answer = await eventually(
    "the platform's route",
    async () => {
      const one = await ask("/v2/health/live", TOKEN, "");
      return one.status === 200 ? one : undefined;
    },
    60_000,
  );
  expect(answer.status).toBe(200);
  expect((await ask("/v2/models/iris/infer", TOKEN)).status).toBe(404);
});

it("checks versions by their own route and pods before they have any weight, and counts that nowhere", async () => {
  for (const version of [1, 2]) {
    await backend.prepare(spec(version), NEVER);
    const answer = await backend.probe({ service: "iris", version }, BODY, NEVER);
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.body)).toMatchObject({ model_name: "iris", model_version: String(version) });
  }
  expect((await ask("/v2/models/iris/infer")).status).toBe(404);
  expect(await counted()).toBe(0);
  await backend.route(rule({}));
  await eventually("the champion", async () => (await send(1)).has(1), 30_000);
  expect(await send(50)).toEqual(new Map([[1, 50]]));
  for (const pod of await podsBy(cluster, PLACE, IRIS)) console.log(`${pod.metadata.name} ${testImage()}`);
});

it("divides 90 to 10 as a client outside counts it, and tells each interval with the share that it had", async () => {
  const before = await counted();
  await backend.route(rule({ commit: "b", order: 2, challenger: 2, share: 0.1 }));
  let sent = all(await inForce((by) => by.has(2)));
  const by = await send(1_000);
  sent += all(by);
  expect([...by.keys()].toSorted()).toEqual([1, 2]);
  expectShare(by, 0.1);
  await eventually("intervals of a trial", async () => (await counted({ epoch: "b" })) >= 200, 90_000);
  await eventually("all that were sent", async () => (await counted()) - before === sent, 90_000);
  const { counters } = await backend.outcomes();
  const judged = counters.filter(({ epoch }) => epoch === "b");
  const share = finished(judged, { arm: "challenger" }) / finished(judged, {});
  console.log(`counted under the trial: ${finished(judged, {})} of ${sent}, share ${share.toFixed(4)}`);
  for (const one of judged) expect(Math.abs(one.share - 0.1)).toBeLessThan(0.06);
});

it("follows a change of weights", async () => {
  await backend.route(rule({ commit: "c", order: 3, challenger: 2, share: 0.5 }));
  await inForce((by) => (by.get(2) ?? 0) >= 5);
  expectShare(await send(600), 0.5);
});

it("counts each answer once while a model's pod is killed and another one comes", async () => {
  // Of an interval whose share isn't told yet nothing is counted under it: all of them are over first.
  const each = () => eventually("each once", async () => (await counted()) === answered, 90_000);
  await each();
  const versionOne = { "slipway.dev/version": "1" };
  const [pod] = await podsBy(cluster, PLACE, versionOne);
  await deletePod(cluster, pod!, 0);
  await eventually(
    "another pod",
    async () =>
      (await podsBy(cluster, PLACE, versionOne)).some(
        (one) => one.metadata.uid !== pod!.metadata.uid && isReady(one),
      ),
    120_000,
  );
  expect(await counted()).toBe(answered);
  await inForce((by) => by.has(1) && ![...by.keys()].some((key) => key < 0));
  const by = await send(200);
  expect([...by.keys()].every((key) => key > 0)).toBe(true);
  await each();
});

it("stops a challenger", async () => {
  const began = performance.now();
  await backend.stopChallenger("iris", 2);
  await inForce((by) => !by.has(2));
  console.log(`stopped for callers after ${Math.round(performance.now() - began)} ms`);
  expect(await send(200)).toEqual(new Map([[1, 200]]));
  expect(logged).toEqual([]);
});

/** Sends until what comes back is so; answers all that was sent. */
async function inForce(isSo: (by: ReadonlyMap<number, number>) => boolean): Promise<Map<number, number>> {
  const sum = new Map<number, number>();
  await eventually(
    "the new weights",
    async () => {
      const by = await send(20);
      for (const [key, count] of by) sum.set(key, (sum.get(key) ?? 0) + count);
      return isSo(by);
    },
    60_000,
  );
  return sum;
}

function expectShare(by: ReadonlyMap<number, number>, share: number): void {
  const sent = all(by);
  const challenger = by.get(2) ?? 0;
  const width = BAND * Math.sqrt(sent * share * (1 - share));
  console.log(`${challenger} of ${sent} at ${share}; ${(sent * share).toFixed(0)} ± ${width.toFixed(1)}`);
  expect(Math.abs(challenger - sent * share)).toBeLessThanOrEqual(width);
}
