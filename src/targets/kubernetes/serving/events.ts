import type { ClusterClient } from "../cluster/client.ts";
import type { KubernetesObject } from "../object.ts";
import type { ClusterEvent } from "./causes.ts";
import { MANAGED_BY, MANAGER } from "./names.ts";
import { KSERVE_KIND } from "./variant-kinds.ts";

interface Condition {
  status: string;
  reason?: string;
  message?: string;
}

/** What happened in a namespace, and with KServe what its InferenceServices say of themselves, which outlasts events. */
export async function eventsIn(
  client: ClusterClient,
  namespace: string,
  isKserve: boolean,
): Promise<ClusterEvent[]> {
  const events = (await client.listKind("v1", "Event", { namespace })) as unknown as ClusterEvent[];
  if (!isKserve) return events;
  const { group, version, kind } = KSERVE_KIND;
  const selection = { namespace, labelSelector: `${MANAGED_BY}=${MANAGER}` };
  const services = await client.listKind(`${group}/${version}`, kind, selection);
  return [...services.flatMap(conditionsOf), ...events];
}

/** Conditions that don't hold, as events. */
function conditionsOf({ kind, metadata, ...rest }: KubernetesObject): ClusterEvent[] {
  const status = rest["status"] as { conditions?: Condition[] } | undefined;
  const involvedObject = { kind, name: metadata.name };
  if (status?.conditions === undefined) {
    const message = "its controller hasn't looked at it yet";
    return [{ type: "Warning", reason: "NotReconciled", message, involvedObject }];
  }
  return status.conditions
    .filter(({ status, message }) => status === "False" && message !== undefined)
    .map(({ reason = "", message = "" }) => ({ type: "Warning", reason, message, involvedObject }));
}
