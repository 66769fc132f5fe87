import { setTimeout as sleep } from "node:timers/promises";
import type { KubernetesObject } from "../../../src/targets/kubernetes/object.ts";
import type { TestCluster } from "./cluster.ts";
import { listable } from "./resources.ts";
import { StandInWebhooks } from "./stand-in-webhooks.ts";

const POLL_MS = 300;

interface Pod extends KubernetesObject {
  spec: { containers: { name: string; image: string }[] };
  status?: { phase?: string };
}

interface Condition {
  type: string;
  status: "True";
  reason: string;
  message: string;
  lastTransitionTime: string;
}

/** Conditions that engines of custom resources report when all is well; their controllers don't run in these tests. */
const WELL: Readonly<Record<string, readonly string[]>> = {
  "cert-manager.io": ["Ready"],
  "serving.kserve.io": ["Ready", "PredictorReady", "IngressReady"],
  "gateway.networking.k8s.io": ["Accepted", "Programmed"],
  "postgresql.cnpg.io": ["Ready"],
  "source.toolkit.fluxcd.io": ["Ready"],
  "kustomize.toolkit.fluxcd.io": ["Ready"],
  "helm.toolkit.fluxcd.io": ["Ready"],
  "monitoring.coreos.com": ["Available", "Reconciled"],
};

/**
 * Says of every pod that it runs and of every custom resource that it is well, as kubelets and engines would: a bare
 * control plane has none, and what waits for them could otherwise not be tested. Nothing runs in these pods.
 */
export class StandInNode {
  readonly #cluster: TestCluster;
  readonly #webhooks: StandInWebhooks | undefined;
  #isStopped = false;
  #running: Promise<void> | undefined;

  /** `state`: the folder of the test control plane; in a cluster of somebody's own webhooks run by themselves. */
  constructor(cluster: TestCluster, state = process.env["SLIPWAY_TEST_CLUSTER_STATE"]) {
    this.#cluster = cluster;
    this.#webhooks = state ? new StandInWebhooks(cluster, state) : undefined;
  }

  async start(): Promise<void> {
    await this.#webhooks?.start();
    this.#isStopped = false;
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
    await this.#webhooks?.stop();
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      await this.#webhooks?.look();
      await this.#pods();
      await this.#balancers();
      await this.#customResources();
      await sleep(POLL_MS);
    }
  }

  async #pods(): Promise<void> {
    const list = await this.#cluster.get<{ items: Pod[] }>("/api/v1/pods");
    for (const pod of list?.items ?? []) {
      if (pod.status?.phase !== "Pending") continue;
      const isJob = ((pod.metadata["ownerReferences"] ?? []) as { kind: string }[]).some(
        (it) => it.kind === "Job",
      );
      const path = `/api/v1/namespaces/${pod.metadata.namespace}/pods/${pod.metadata.name}`;
      await this.#status(path, isJob ? { phase: "Succeeded" } : running(pod));
    }
  }

  async #balancers(): Promise<void> {
    const list = await this.#cluster.get<{ items: KubernetesObject[] }>("/api/v1/services");
    for (const { spec, status, metadata } of list?.items ?? []) {
      const isBalancer = (spec as { type?: string }).type === "LoadBalancer";
      const { ingress } =
        (status as { loadBalancer?: { ingress?: unknown } } | undefined)?.loadBalancer ?? {};
      if (!isBalancer || ingress !== undefined) continue;
      const path = `/api/v1/namespaces/${metadata.namespace}/services/${metadata.name}`;
      await this.#status(path, { loadBalancer: { ingress: [{ ip: "192.0.2.1" }] } });
    }
  }

  async #customResources(): Promise<void> {
    const resources = await listable(this.#cluster);
    for (const { apiVersion, path, name } of resources) {
      const group = apiVersion.split("/")[0]!;
      const types = WELL[group];
      if (types === undefined) continue;
      const list = await this.#cluster.get<{ items: KubernetesObject[] }>(path);
      for (const item of list?.items ?? []) {
        const status = (item["status"] ?? {}) as { conditions?: Condition[]; observedGeneration?: number };
        const generation = item.metadata["generation"] as number | undefined;
        const has = (type: string): boolean =>
          (status.conditions ?? []).some((one) => one.type === type && one.status === "True");
        if (types.every(has) && status.observedGeneration === generation) continue;
        const { namespace } = item.metadata;
        const inside = namespace === undefined ? "" : `/namespaces/${namespace}`;
        await this.#status(`/apis/${apiVersion}${inside}/${name}/${item.metadata.name}`, {
          conditions: types.map(condition),
          observedGeneration: generation,
        });
      }
    }
  }

  /** Kinds without a status, and objects that are gone meanwhile, are left alone. */
  async #status(path: string, status: unknown): Promise<void> {
    const contentType = "application/merge-patch+json";
    await this.#cluster.send({ method: "PATCH", path: `${path}/status`, contentType, body: { status } });
  }
}

function condition(type: string): Condition {
  const lastTransitionTime = new Date().toISOString().replace(/\.\d+Z$/, "Z");
  return { type, status: "True", reason: "StandIn", message: "said by a test", lastTransitionTime };
}

function running({ spec }: Pod): unknown {
  const types = ["PodScheduled", "Initialized", "ContainersReady", "Ready"];
  return {
    phase: "Running",
    conditions: types.map((type) => ({
      type,
      status: "True",
      lastTransitionTime: condition(type).lastTransitionTime,
    })),
    containerStatuses: spec.containers.map(({ name, image }) => ({
      name,
      image,
      imageID: "",
      ready: true,
      restartCount: 0,
      state: { running: { startedAt: condition(name).lastTransitionTime } },
    })),
  };
}
