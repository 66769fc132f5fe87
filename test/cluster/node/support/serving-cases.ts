import { execFileSync } from "node:child_process";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { TrafficRule, VariantSpec } from "../../../../src/serving/backend.ts";
import type { KubernetesServing } from "../../../../src/targets/kubernetes/serving/backend.ts";
import { linearSoftmax, sequenceOutput } from "../../../support/onnx.ts";
import { eventually } from "../../../support/serving-platform.ts";
import { testNode } from "./node.ts";
import { becomes, deletePod, isReady, make, podsBy, testImage, type NamedPod } from "./pods.ts";
import { startServingWorld, type ServingWorld } from "./serving-world.ts";

const BODY = JSON.stringify({ inputs: [{ name: "x", datatype: "FP32", shape: [1, 4], data: [1, 2, 3, 4] }] });
const IRIS = { "slipway.dev/service": "iris" };
const NEVER = new AbortController().signal;
const GONE_MS = 90_000;

interface Deployment {
  metadata: { name: string; uid: string };
  spec: { replicas: number };
}

interface Autoscaler {
  spec: { minReplicas: number; maxReplicas: number; scaleTargetRef: { name: string } };
  status?: { lastScaleTime?: string; currentReplicas?: number };
}

/** What further cases may use. */
export interface ServingBed {
  world: ServingWorld;
  /** Opened anew, after which it is the one that leads. */
  lead(leader?: Parameters<ServingWorld["open"]>[0]): Promise<KubernetesServing>;
  /** Of the service `iris`. */
  spec(version: number, more?: Partial<VariantSpec>): VariantSpec;
  rule(more: Partial<TrafficRule>): TrafficRule;
  /** One prediction of a serve pod. */
  ask(pod: NamedPod): Promise<{ status: number; version: string | null }>;
}

/** What variants in pods do in a cluster, made by our own Deployments or by KServe; `more` has cases of its own. */
export function servingCases(isKserve: boolean, more?: (bed: () => ServingBed) => void): void {
  let world: ServingWorld;
  let backend: KubernetesServing;
  let good: string;

  beforeAll(async () => {
    world = await startServingWorld({ home: isKserve ? "kserve-test" : "pods-test", serves: 2, isKserve });
    backend = world.backend;
    good = await world.model(linearSoftmax());
  });

  afterAll(async () => {
    backend?.close();
    await world?.close();
  });

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

  const workers = () => podsBy(world.cluster, world.place, IRIS);
  const uidsOf = (all: { metadata: { uid: string } }[]) => all.map(({ metadata }) => metadata.uid).sort();
  const deployments = async (): Promise<Deployment[]> =>
    (await world.cluster.get<{ items: Deployment[] }>(`/apis/apps/v1/namespaces/${world.place}/deployments`))
      ?.items ?? [];

  async function ask(pod: NamedPod): Promise<{ status: number; version: string | null }> {
    const response = await fetch(`http://${pod.status?.podIP}:4600/v2/models/iris/infer`, {
      method: "POST",
      body: BODY,
      headers: world.headers,
    });
    await response.arrayBuffer();
    return { status: response.status, version: response.headers.get("x-slipway-variant") };
  }

  it("makes a variant of two pods ready, checks it through a pod, and routes at every serve pod", async () => {
    await backend.prepare(spec(1, { workers: 2 }), NEVER);
    const answer = await backend.probe({ service: "iris", version: 1 }, BODY, NEVER);
    expect(answer.status).toBe(200);
    await backend.route(rule({}));
    for (const pod of await world.servePods()) expect(await ask(pod)).toEqual({ status: 200, version: "1" });
    const { variants } = await backend.state();
    expect(variants[0]?.workers.map(({ state }) => state)).toEqual(["ready", "ready"]);
    expect((await backend.logs({ service: "iris", version: 1 }, 50)).join("\n")).toContain(
      "serves version 1",
    );
    const name = isKserve ? "iris-v1-predictor" : "iris-v1";
    expect((await deployments()).map(({ metadata, spec }) => [metadata.name, spec.replicas])).toEqual([
      [name, 2],
    ]);
  });

  it("answers every request while a model's pod and a serve pod are lost, and counts each once", async () => {
    const [first, second] = await world.servePods();
    const counted = async () =>
      (await backend.outcomes()).counters.reduce((sum, { finished }) => sum + finished, 0);
    const before = await counted();
    const answers: number[] = [];
    const send = async (pod: NamedPod, count: number) => {
      for (let i = 0; i < count; i++) answers.push((await ask(pod)).status);
    };
    await send(second!, 20);
    await counted();
    const [worker] = await workers();
    await Promise.all([send(first!, 60), deletePod(world.cluster, worker!, 0)]);
    await deletePod(world.cluster, second!, 0);
    await send(first!, 20);
    expect(answers.filter((status) => status !== 200)).toEqual([]);
    const fresh = await eventually(
      "a serve pod in its place",
      async () => (await world.servePods()).find(({ metadata }) => metadata.uid !== first!.metadata.uid),
      60_000,
    );
    expect(await ask(fresh)).toEqual({ status: 200, version: "1" });
    expect((await counted()) - before).toBe(answers.length + 1);
  });

  it("goes on under another leader, from the branch alone", async () => {
    backend.close();
    await eventually("two pods", async () => (await workers()).filter(isReady).length === 2, 60_000);
    const before = { pods: uidsOf(await workers()), deployments: uidsOf(await deployments()) };
    backend = await world.open();
    await eventually("outcomes", () => backend.outcomes().catch(() => undefined));
    expect((await backend.state()).rules).toMatchObject([{ service: "iris", commit: "a", champion: 1 }]);
    for (const pod of await world.servePods()) expect(await ask(pod)).toEqual({ status: 200, version: "1" });
    await backend.route(rule({ commit: "b", order: 2 }));
    await expect(backend.route(rule({}))).rejects.toMatchObject({ code: "RULE_OUTDATED" });
    expect({ pods: uidsOf(await workers()), deployments: uidsOf(await deployments()) }).toEqual(before);
  });

  it("says that a model can't be loaded, in its own words, and leaves nothing behind", async () => {
    const bad = spec(2, { modelDir: await world.model(sequenceOutput()) });
    await expect(backend.prepare(bad, NEVER)).rejects.toMatchObject({
      code: "VARIANT_NOT_READY",
      facts: { details: { cause: "MODEL_NOT_LOADED" } },
    });
    const left = () => podsBy(world.cluster, world.place, { "slipway.dev/version": "2" });
    await eventually("no pods", async () => (await left()).length === 0, GONE_MS);
  });

  it("brings a variant to the image of another version of the platform, and answers meanwhile", async () => {
    const image = otherName(testImage());
    backend.close();
    backend = await world.open({ image });
    const answers: number[] = [];
    const imagesOf = ({ spec }: NamedPod & { spec?: { containers: { image: string }[] } }) =>
      spec?.containers.map((container) => container.image).join();
    await eventually(
      "two pods of the new image, and no other",
      async () => {
        for (const pod of await world.servePods()) answers.push((await ask(pod)).status);
        const all = await workers();
        return all.length === 2 && all.every((pod) => isReady(pod) && imagesOf(pod) === image);
      },
      GONE_MS,
    );
    expect(answers.filter((status) => status !== 200)).toEqual([]);
    backend.close();
    backend = await world.open();
    await eventually(
      "the image that is tested again",
      async () => (await workers()).every((pod) => isReady(pod) && imagesOf(pod) === testImage()),
      GONE_MS,
    );
  });

  it("has an autoscaler where it may have more pods, and begins with its fewest", async () => {
    await backend.prepare(
      spec(6, { workers: 2, scale: { max: 4, concurrency: 4, idleMs: 60_000 }, cpu: 0.05 }),
      NEVER,
    );
    const scaler = await becomes<Autoscaler>(
      world.cluster,
      `/apis/autoscaling/v2/namespaces/${world.place}/horizontalpodautoscalers/iris-v6`,
      ({ status }) => status?.currentReplicas === 2,
    );
    expect(scaler.spec).toMatchObject({ minReplicas: 2, maxReplicas: 4 });
    const { name } = scaler.spec.scaleTargetRef;
    // KServe makes its Deployment with one pod, which is brought to two as the autoscaler looks for the first time.
    if (!isKserve) expect(scaler.status?.lastScaleTime).toBeUndefined();
    backend.close();
    backend = await world.open();
    await eventually("outcomes", () => backend.outcomes().catch(() => undefined));
    const own = (await deployments()).filter(({ metadata }) => metadata.name === name);
    expect(own.map(({ spec }) => spec.replicas)).toEqual([2]);
    await backend.remove({ service: "iris", version: 6 });
  });

  it("takes away what isn't named any more", async () => {
    await backend.unroute("iris", 3);
    await backend.remove({ service: "iris", version: 1 });
    await eventually("no pods", async () => (await workers()).length === 0, GONE_MS);
    expect(await deployments()).toEqual([]);
    expect(world.logged).toEqual([]);
  });

  // With KServe one pod stays.
  if (!isKserve)
    it("has no pods while nobody asks, and answers the first request from the one that it brings", async () => {
      const idle = { max: 1, concurrency: 4, idleMs: 5_000 };
      const pods = async () => (await workers()).length;
      const none = () =>
        eventually(
          "no pods",
          async () =>
            (await backend.state()).variants.find(({ version }) => version === 7)?.workers.length === 0,
          60_000,
        );
      await backend.prepare(spec(7, { workers: 0, scale: idle }), NEVER);
      await backend.route(rule({ commit: "g", order: 7, champion: 7, timeoutMs: 60_000 }));
      const [first, second] = await world.servePods();
      for (const serve of [first!, second!, first!]) {
        await none();
        const began = performance.now();
        const answers = await Promise.all([ask(serve), ask(serve)]);
        console.log(`cold request answered after ${((performance.now() - began) / 1_000).toFixed(1)} s`);
        expect(answers).toEqual(answers.map(() => ({ status: 200, version: "7" })));
        expect(await pods()).toBe(1);
      }
      await none();
      await world.applyAll();
      expect((await deployments()).map(({ spec }) => spec.replicas)).toEqual([0]);
      await backend.unroute("iris", 8);
      await backend.remove({ service: "iris", version: 7 });
      expect(world.logged).toEqual([]);
    });

  more?.(() => ({
    world,
    spec,
    rule,
    ask,
    async lead(leader) {
      backend.close();
      return (backend = await world.open(leader));
    },
  }));

  it("names what keeps pods from running: a node, a quota, an image", async () => {
    const cause = async (one: KubernetesServing, wanted: VariantSpec): Promise<unknown> =>
      one.prepare(wanted, NEVER).then(
        () => "ready",
        (error: { facts?: { details?: { cause?: string } } }) => error.facts?.details?.cause ?? error,
      );
    const quota = {
      apiVersion: "v1",
      kind: "ResourceQuota",
      metadata: { name: "few", namespace: world.place },
      spec: { hard: { "limits.memory": "4Gi", pods: "4" } },
    };
    const prepareMs = 10_000;
    backend.close();
    backend = await world.open({ prepareMs });
    const elsewhere = await world.open({ image: "slipway.invalid/none:1", branch: "elsewhere", prepareMs });
    try {
      expect(await cause(elsewhere, spec(4))).toBe("IMAGE_NOT_PULLED");
    } finally {
      elsewhere.close();
    }
    expect(await cause(backend, spec(3, { cpu: 1000 }))).toBe("POD_UNSCHEDULABLE");
    try {
      await make(world.cluster, quota);
      expect(await cause(backend, spec(5, { memoryBytes: 8 * 1024 ** 3 }))).toBe("QUOTA_EXCEEDED");
    } finally {
      const path = `/api/v1/namespaces/${world.place}/resourcequotas/few`;
      await world.cluster.send({ method: "DELETE", path });
    }
  });
}

/** The same image by another name, which is all that another version of the platform is to a pod. */
function otherName(image: string): string {
  const other = `${image}-next`;
  const { ctr = "ctr", socket = "" } = testNode();
  execFileSync(
    ctr,
    ["--address", socket, "--namespace", "k8s.io", "images", "tag", "--force", image, other],
    {
      stdio: ["ignore", "ignore", "pipe"],
    },
  );
  return other;
}
