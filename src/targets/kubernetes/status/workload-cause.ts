import type { ClusterClient } from "../cluster/client.ts";
import type { KubernetesObject } from "../object.ts";
import { causeOf, isOrdinary } from "../serving/causes.ts";
import type { ClusterEvent } from "../serving/causes.ts";
import { isLeaving } from "../serving/pods.ts";
import type { Pod } from "../serving/pods.ts";

const WORKLOADS: ReadonlySet<string> = new Set(["Deployment", "StatefulSet", "DaemonSet"]);

interface WorkloadSpec {
  replicas?: number;
  selector?: { matchLabels?: Record<string, string> };
}

/**
 * Why a workload has too few pods that work, by its pods and the cluster's events: `IMAGE_NOT_PULLED: the image … can't be
 * pulled`. Undefined where these say nothing, or may not be read.
 */
export async function causeOfWorkload(
  client: ClusterClient,
  live: KubernetesObject,
): Promise<string | undefined> {
  const { namespace, name } = live.metadata;
  const { selector, replicas = 1 } = (live["spec"] ?? {}) as WorkloadSpec;
  const labels = Object.entries(selector?.matchLabels ?? {}).map(([key, value]) => `${key}=${value}`);
  if (!WORKLOADS.has(live.kind) || namespace === undefined || labels.length === 0) return undefined;
  const read = async (): Promise<string | undefined> => {
    const labelSelector = labels.join(",");
    const pods = (await client.listKind("v1", "Pod", { namespace, labelSelector })) as Pod[];
    const events = (await client.listKind("v1", "Event", { namespace })) as unknown as ClusterEvent[];
    const own = events.filter(({ involvedObject }) => involvedObject.name?.startsWith(name) === true);
    const cause = causeOf(
      pods.filter((pod) => !isLeaving(pod)),
      own,
      Math.max(replicas, 1),
    );
    return cause === undefined || isOrdinary(cause) ? undefined : `${cause.message} (${cause.code})`;
  };
  return read().catch(() => undefined);
}
