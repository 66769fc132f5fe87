import { SlipwayError } from "../../../http/errors.ts";
import type { ClusterClient } from "../cluster/client.ts";
import { MANAGER } from "./names.ts";

/** How many pods Deployments have whose number no file of the branch says. */
export interface Replicas {
  /** Gives it one pod where it has none, and changes nothing where it has some. */
  wake(namespace: string, name: string): Promise<void>;
  /** Takes all of its pods; nothing happens when it isn't there. */
  sleep(namespace: string, name: string): Promise<void>;
}

interface Scale {
  spec?: { replicas?: number };
  metadata: { resourceVersion?: string };
}

/**
 * Through the scale subresource, as an autoscaler does it, so that the object itself stays as Git says. An autoscaler lets
 * alone what has no replicas (HorizontalPodAutoscaler, "implicit maintenance-mode deactivation"), and goes on with the first.
 */
export function clusterReplicas(client: ClusterClient): Replicas {
  async function change(
    namespace: string,
    name: string,
    replicas: number,
    isMeant: (present: number) => boolean,
  ): Promise<void> {
    const deployments = await client.discovery.find("apps/v1", "Deployment");
    if (deployments === undefined)
      throw new SlipwayError("CLUSTER_KIND_MISSING", "the cluster has no Deployments");
    const scale = (await client.read(deployments, namespace, name, "scale")) as unknown as Scale | undefined;
    if (scale === undefined || !isMeant(scale.spec?.replicas ?? 0)) return;
    // Only from the very state that was seen: an autoscaler may change it too.
    const { resourceVersion } = scale.metadata;
    const patch = { metadata: { resourceVersion }, spec: { replicas } };
    await client.merge(deployments, namespace, name, patch, { subresource: "scale", manager: MANAGER });
  }
  return {
    wake: (namespace, name) => change(namespace, name, 1, (present) => present === 0),
    sleep: (namespace, name) => change(namespace, name, 0, (present) => present > 0),
  };
}
