import type { ClusterClient } from "../cluster/client.ts";
import type { KubernetesObject } from "../object.ts";
import { applyByForce } from "./apply-by-force.ts";
import type { Cause } from "./causes.ts";

/** Keeps the number of pods while no autoscaler has said one: what nobody owns goes back to one. */
const MANAGER = "slipway-first-pods";

/**
 * As `applyByForce`. A Deployment whose number of pods is an autoscaler's to say begins with that one's fewest, and not with the
 * one pod that it would have until the autoscaler looks for the first time.
 * @param beside all objects of the same variant
 */
export async function applyWithPods(
  client: ClusterClient,
  object: KubernetesObject,
  beside: readonly KubernetesObject[],
): Promise<Cause | undefined> {
  const replicas = fewestOf(object, beside);
  if (replicas > 1 && !(await isThere(client, object))) {
    const spec = { ...(object["spec"] as object), replicas };
    const cause = await applyByForce(client, { ...object, spec });
    if (cause !== undefined) return cause;
    const { apiVersion, kind, metadata } = object;
    const { name, namespace } = metadata;
    const number = {
      apiVersion,
      kind,
      metadata: { name, ...(namespace && { namespace }) },
      spec: { replicas },
    };
    await client.apply(number, { manager: MANAGER });
  }
  return applyByForce(client, object);
}

function isThere(client: ClusterClient, { kind, metadata }: KubernetesObject): Promise<boolean> {
  const { namespace, name } = metadata;
  return client.get({ group: "apps", kind, namespace, name }).then((found) => found !== undefined);
}

/** 0 where it states a number itself, or nothing scales it. */
function fewestOf(
  { kind, metadata, ...rest }: KubernetesObject,
  beside: readonly KubernetesObject[],
): number {
  if (kind !== "Deployment" || (rest["spec"] as { replicas?: number }).replicas !== undefined) return 0;
  const scaler = beside.find((one) => {
    const { scaleTargetRef } = (one["spec"] ?? {}) as { scaleTargetRef?: { name: string } };
    return one.kind === "HorizontalPodAutoscaler" && scaleTargetRef?.name === metadata.name;
  });
  return (scaler?.["spec"] as { minReplicas?: number } | undefined)?.minReplicas ?? 0;
}
