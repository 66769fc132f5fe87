import { setTimeout as sleep } from "node:timers/promises";
import { CONFINED } from "../../../../src/targets/kubernetes/components/parts/place.ts";
import type { KubernetesObject } from "../../../../src/targets/kubernetes/object.ts";
import type { TestCluster } from "../../support/cluster.ts";
import { pathOf } from "../../support/objects.ts";

const POLL_MS = 200;
const WITHIN_MS = 120_000;
const LOG_MS = 30_000;

/** Our image in the cluster that is tested. Throws when `npm run test:cluster` didn't say which. */
export function testImage(): string {
  const image = process.env["SLIPWAY_TEST_IMAGE"];
  if (!image) throw new Error("SLIPWAY_TEST_IMAGE names no image that the cluster has: npm run test:cluster");
  return image;
}

/** A pod that the restricted standard takes, with a root that can't be written to. */
export function pod(
  namespace: string,
  name: string,
  container: { args?: string[]; command?: string[] },
  labels: Record<string, string> = {},
): KubernetesObject {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace, labels },
    spec: { restartPolicy: "Never", ...podSpec(container) },
  };
}

export function podSpec(container: object, volume: object = { emptyDir: {} }): object {
  const mounts = [
    { name: "tmp", mountPath: "/tmp" },
    { name: "data", mountPath: "/var/lib/slipway" },
  ];
  return {
    automountServiceAccountToken: false,
    terminationGracePeriodSeconds: 1,
    securityContext: { runAsUser: 10_001, runAsGroup: 10_001, fsGroup: 10_001 },
    containers: [
      { name: "main", image: testImage(), securityContext: CONFINED, volumeMounts: mounts, ...container },
    ],
    volumes: [
      { name: "tmp", emptyDir: {} },
      { name: "data", ...volume },
    ],
  };
}

/** Makes objects; answers the last one's refusal, or throws it when nothing is to be refused. */
export async function make(cluster: TestCluster, ...objects: KubernetesObject[]): Promise<void> {
  for (const object of objects) {
    const path = (await pathOf(cluster, object)).replace(/\/[^/]+$/, "");
    const { status, body } = await cluster.send({ method: "POST", path, body: object });
    if (status !== 201)
      throw new Error(`${object.kind} ${object.metadata.name}: ${status} ${JSON.stringify(body)}`);
  }
}

/** Waits until an object is so, and answers it; throws with what it last was. */
export async function becomes<Answer>(
  cluster: TestCluster,
  path: string,
  isSo: (object: Answer) => boolean,
  withinMs = WITHIN_MS,
): Promise<Answer> {
  const end = Date.now() + withinMs;
  for (;;) {
    const object = await cluster.get<Answer>(path);
    if (object !== undefined && isSo(object)) return object;
    if (Date.now() > end) throw new Error(`${path} isn't so after ${withinMs} ms: ${JSON.stringify(object)}`);
    await sleep(POLL_MS);
  }
}

export interface Pod {
  status?: {
    phase?: string;
    podIP?: string;
    conditions?: { type: string; status: string }[];
    containerStatuses?: { restartCount: number }[];
  };
  metadata: { uid: string };
}

export function isReady({ status }: Pod): boolean {
  return status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") === true;
}

export interface NamedPod extends Pod {
  metadata: { name: string; namespace: string; uid: string; deletionTimestamp?: string };
}

/** Pods of a namespace with these labels, the ones that go left out. */
export async function podsBy(
  cluster: TestCluster,
  namespace: string,
  labels: Record<string, string>,
): Promise<NamedPod[]> {
  const labelSelector = Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(",");
  const path = `/api/v1/namespaces/${namespace}/pods`;
  const { status, body } = await cluster.send({ method: "GET", path, query: { labelSelector } });
  if (status !== 200) throw new Error(`pods of ${namespace}: ${status}`);
  const { items } = body as { items: NamedPod[] };
  return items.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
}

/** As `kubectl delete pod`; `graceSeconds` 0: at once, without waiting for its end. */
export async function deletePod(
  cluster: TestCluster,
  { metadata }: NamedPod,
  graceSeconds?: number,
): Promise<void> {
  const path = `/api/v1/namespaces/${metadata.namespace}/pods/${metadata.name}`;
  const body = {
    kind: "DeleteOptions",
    apiVersion: "v1",
    ...(graceSeconds === 0 && { gracePeriodSeconds: 0 }),
  };
  const { status } = await cluster.send({ method: "DELETE", path, body });
  if (status !== 200 && status !== 202) throw new Error(`DELETE ${path}: ${status}`);
}

/** What a pod that runs to its end writes; throws when it fails. */
export async function outputOf(cluster: TestCluster, object: KubernetesObject): Promise<string> {
  await make(cluster, object);
  const path = await pathOf(cluster, object);
  const ended = await becomes<Pod>(cluster, path, ({ status }) =>
    ["Succeeded", "Failed"].includes(status?.phase ?? ""),
  );
  const log = await logOf(cluster, path);
  if (ended.status?.phase !== "Succeeded") throw new Error(`${path} failed:\n${log}`);
  return log;
}

export async function logOf(cluster: TestCluster, path: string): Promise<string> {
  const signal = AbortSignal.timeout(LOG_MS);
  const { status, body } = await cluster.open({
    method: "GET",
    path: `${path}/log`,
    signal,
    quietMs: LOG_MS,
  });
  const pieces: Uint8Array[] = [];
  for await (const piece of body) pieces.push(piece);
  const text = Buffer.concat(pieces).toString();
  if (status !== 200) throw new Error(`log of ${path}: ${status} ${text}`);
  return text;
}
