import type { KubernetesObject } from "../../../src/targets/kubernetes/object.ts";
import type { Rendered } from "../../../src/targets/kubernetes/render/rendered.ts";
import type { TestCluster } from "./cluster.ts";

/** Makes what a platform states as given and a person would make before: namespaces, Secrets, storage classes. */
export async function giveThings(cluster: TestCluster, { given, platform }: Rendered): Promise<void> {
  const namespaces = new Set([
    ...given.namespaces,
    ...[...given.secrets, ...given.configMaps, ...given.serviceAccounts].map(({ namespace }) => namespace),
  ]);
  for (const name of namespaces)
    await make(cluster, "/api/v1/namespaces", { apiVersion: "v1", kind: "Namespace", metadata: { name } });
  for (const { namespace, name, keys } of given.secrets) {
    const stringData = Object.fromEntries(keys.map((key) => [key, `given to ${platform.name}`]));
    const metadata = { name, namespace };
    const path = `/api/v1/namespaces/${namespace}/secrets`;
    await make(cluster, path, { apiVersion: "v1", kind: "Secret", metadata, stringData });
  }
  for (const name of given.storageClasses)
    await make(cluster, "/apis/storage.k8s.io/v1/storageclasses", {
      apiVersion: "storage.k8s.io/v1",
      kind: "StorageClass",
      metadata: { name },
      provisioner: "kubernetes.io/no-provisioner",
      volumeBindingMode: "WaitForFirstConsumer",
    });
}

async function make(cluster: TestCluster, path: string, body: KubernetesObject): Promise<void> {
  const { status, body: answer } = await cluster.send({ method: "POST", path, body });
  if (status !== 201 && status !== 409)
    throw new Error(`${body.kind} ${body.metadata.name}: ${status} ${JSON.stringify(answer).slice(0, 300)}`);
}
