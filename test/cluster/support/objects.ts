import { setTimeout as sleep } from "node:timers/promises";
import type { KubernetesObject } from "../../../src/targets/kubernetes/object.ts";
import type { TestCluster } from "./cluster.ts";

const GONE_MS = 60_000;
const POLL_MS = 100;

interface ResourceList {
  resources: { name: string; kind: string; namespaced: boolean }[];
}

/** Address of an object. Throws when the server doesn't serve its kind. */
export async function pathOf(
  cluster: TestCluster,
  { apiVersion, kind, metadata }: KubernetesObject,
): Promise<string> {
  const base = apiVersion === "v1" ? "/api/v1" : `/apis/${apiVersion}`;
  const list = await cluster.get<ResourceList>(base);
  const found = list?.resources.find((one) => one.kind === kind && !one.name.includes("/"));
  if (found === undefined) throw new Error(`the server has no ${kind} of ${apiVersion}`);
  return `${base}${found.namespaced ? `/namespaces/${metadata.namespace}` : ""}/${found.name}/${metadata.name}`;
}

/** Makes namespaces, so that what lies in them can be asked for. */
export async function makeNamespaces(cluster: TestCluster, names: Iterable<string>): Promise<void> {
  for (const name of names) {
    const body = { apiVersion: "v1", kind: "Namespace", metadata: { name } };
    const { status } = await cluster.send({ method: "POST", path: "/api/v1/namespaces", body });
    if (status !== 201 && status !== 409) throw new Error(`namespace ${name}: ${status}`);
  }
}

/** Takes them away again, and waits until they are gone. */
export async function removeNamespaces(cluster: TestCluster, names: Iterable<string>): Promise<void> {
  for (const name of names) await cluster.send({ method: "DELETE", path: `/api/v1/namespaces/${name}` });
  const end = Date.now() + GONE_MS;
  for (const name of names)
    while ((await cluster.get(`/api/v1/namespaces/${name}`)) !== undefined) {
      if (Date.now() > end) throw new Error(`namespace ${name} isn't gone after ${GONE_MS} ms`);
      await sleep(POLL_MS);
    }
}
