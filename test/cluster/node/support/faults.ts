import { readFileSync, readdirSync } from "node:fs";
import type { TestCluster } from "../../support/cluster.ts";
import { logOf } from "./pods.ts";

export interface NamedPod {
  metadata: { name: string; namespace: string; uid: string; deletionTimestamp?: string };
  status?: {
    conditions?: { type: string; status: string }[];
    containerStatuses?: { restartCount: number }[];
  };
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

/** The control pod that said last that it leads. */
export async function leaderOf(cluster: TestCluster, namespace: string): Promise<NamedPod> {
  const pods = await podsBy(cluster, namespace, { "app.kubernetes.io/component": "control" });
  const known = await Promise.all(
    pods.map(async (pod) => {
      const log = await logOf(cluster, `/api/v1/namespaces/${namespace}/pods/${pod.metadata.name}`).catch(
        () => "",
      );
      return {
        pod,
        epoch: Math.max(0, ...[...log.matchAll(/leads, epoch (\d+)/g)].map(([, epoch]) => Number(epoch))),
      };
    }),
  );
  const [latest] = known.toSorted((a, b) => b.epoch - a.epoch);
  if (latest === undefined || latest.epoch === 0) throw new Error(`nobody leads in ${namespace}`);
  return latest.pod;
}

/** SIGKILL to all that runs in a pod, but for what keeps its network: what a crash of the program is. */
export function killProcesses({ metadata }: NamedPod): number {
  let killed = 0;
  for (const name of readdirSync("/proc").filter((entry) => /^\d+$/.test(entry))) {
    try {
      const groups = readFileSync(`/proc/${name}/cgroup`, "utf8");
      if (![metadata.uid, metadata.uid.replaceAll("-", "_")].some((uid) => groups.includes(uid))) continue;
      const [program] = readFileSync(`/proc/${name}/cmdline`, "utf8").split("\0");
      if (program === undefined || program === "" || program.includes("sleep")) continue;
      process.kill(Number(name), "SIGKILL");
      killed++;
    } catch {
      // It ended while we looked.
    }
  }
  return killed;
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
