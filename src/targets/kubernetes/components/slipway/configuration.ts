import type { Platform } from "../../../../spec/platform/platform.ts";
import type { GatewayFacts } from "../../facts.ts";
import type { KubernetesObject } from "../../object.ts";
import { PORTS } from "./roles.ts";

/** The ConfigMap that tells control of the platform it runs. */
export const CONFIG = "slipway-platform";
/** Its one key. */
export const CONFIG_FILE = "platform.json";

/** The tenants of tracking are those of the cluster: control makes them out of this. */
export function configOf({ name, namespace, domain, tenants }: Platform): KubernetesObject {
  const known = tenants.map(({ name, description, people, services }) => ({
    name,
    ...(description === undefined ? {} : { description }),
    people,
    services: services.map(({ name, runtime }) => ({ name, runtime })),
  }));
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: CONFIG, namespace },
    data: { [CONFIG_FILE]: `${JSON.stringify({ name, domain, tenants: known }, null, 2)}\n` },
  };
}

/** The one address: console, tracking, Git, predictions. */
export function routeOf(
  { namespace, domain }: Platform,
  host: string,
  gateway: GatewayFacts,
): KubernetesObject {
  return {
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "HTTPRoute",
    metadata: { name: "slipway", namespace },
    spec: {
      parentRefs: [{ name: gateway.name, namespace: gateway.namespace, sectionName: gateway.listener }],
      hostnames: [`${host}.${domain}`],
      rules: [{ backendRefs: [{ name: "slipway", port: PORTS.serve }] }],
    },
  };
}
