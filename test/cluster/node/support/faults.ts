import { readFileSync, readdirSync } from "node:fs";
import type { TestCluster } from "../../support/cluster.ts";
import { logOf, podsBy } from "./pods.ts";
import type { NamedPod } from "./pods.ts";

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
  return signalProcesses(metadata.uid, "SIGKILL").length;
}

/** To all that runs in a pod, but for what keeps its network; answers their numbers, as this machine calls them. */
export function signalProcesses(podUid: string, signal: NodeJS.Signals): number[] {
  return processesOf(podUid).filter((pid) => {
    try {
      return process.kill(pid, signal);
    } catch {
      // It ended while we looked.
      return false;
    }
  });
}

/** All that runs in a pod, but for what keeps its network. */
export function processesOf(podUid: string): number[] {
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
    .filter((pid) => {
      try {
        const groups = readFileSync(`/proc/${pid}/cgroup`, "utf8");
        if (![podUid, podUid.replaceAll("-", "_")].some((uid) => groups.includes(uid))) return false;
        const [program] = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
        return program !== undefined && program !== "" && !program.includes("sleep");
      } catch {
        return false;
      }
    });
}
