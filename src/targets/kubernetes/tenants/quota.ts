import type { Tenant } from "../../../spec/platform/platform.ts";
import { bytes } from "../../../spec/platform/quantity.ts";
import type { KubernetesObject } from "../object.ts";

/** Of a container that says nothing: without these a quota refuses it. */
const ASKS = { cpu: "100m", memory: "128Mi" };
const MAY_HAVE = "512Mi";

/**
 * The most that all its pods may ask for. Services of these types would be a way in beside the gateway.
 */
export function quotaOf({ name, quota }: Tenant): KubernetesObject {
  return {
    apiVersion: "v1",
    kind: "ResourceQuota",
    metadata: { name: "quota", namespace: name },
    spec: {
      hard: {
        "requests.cpu": quota.cpu,
        "requests.memory": quota.memory,
        "requests.storage": quota.storage,
        pods: String(quota.pods),
        "services.loadbalancers": "0",
        "services.nodeports": "0",
      },
    },
  };
}

/** No `max` of cores: Kubernetes would make a limit of it for every container that has none, and slow it down. */
export function limitsOf({ name, quota: { memory, storage } }: Tenant): KubernetesObject {
  return {
    apiVersion: "v1",
    kind: "LimitRange",
    metadata: { name: "limits", namespace: name },
    spec: {
      limits: [
        {
          type: "Container",
          defaultRequest: { cpu: ASKS.cpu, memory: smaller(ASKS.memory, memory) },
          default: { memory: smaller(MAY_HAVE, memory) },
          max: { memory },
        },
        { type: "PersistentVolumeClaim", max: { storage } },
      ],
    },
  };
}

function smaller(a: string, b: string): string {
  return bytes(a) <= bytes(b) ? a : b;
}
