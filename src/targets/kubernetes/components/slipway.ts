import type { Platform } from "../../../spec/platform/platform.ts";
import { defineComponent } from "../component.ts";
import type { HealthCheck } from "../component.ts";
import type { Facts } from "../facts.ts";
import { renderDefaultTenant } from "../tenants/default-tenant.ts";
import { namespace, placed } from "./parts/place.ts";
import { watch } from "./parts/watch.ts";
import { accounts, controlAccess } from "./slipway/accounts.ts";
import { configOf, routeOf } from "./slipway/configuration.ts";
import { needed } from "./slipway/needed.ts";
import { networkOf, ownPaths, pathsOfTenants } from "./slipway/network.ts";
import { slipwayOptions } from "./slipway/options.ts";
import type { SlipwayOptions } from "./slipway/options.ts";
import { PORTS, accountOf, podsOf } from "./slipway/roles.ts";
import { ownSecrets } from "./slipway/secrets.ts";
import { watchedOf } from "./slipway/watched.ts";
import { autoscaler, control, disruptionBudgets, serve, services } from "./slipway/workloads.ts";

const FROM = ["components", "slipway"] as const;

/**
 * Our own platform, in the same roles as on a laptop, and the default tenant's namespace. Its image is named in
 * platform.yaml: it is nobody's but whoever builds it.
 */
export const slipway = defineComponent({
  name: "slipway",
  summary: "Slipway itself: control with a leader, and serve.",
  options: slipwayOptions,
  requires: [["postgresql"], ["objectStore"]],
  locked: ["slipway"],
  publish: ({ platform, options }) => ({ tracking: trackingFacts(platform, options) }),
  render: ({ platform, options, facts, locked }) => {
    // The image stands in platform.yaml; its row is in the lock for what it says: that it was never run in a cluster.
    locked("slipway");
    const parts = needed(platform, options, facts);
    const defaultTenant = renderDefaultTenant(platform, FROM, facts);
    const { emits, paths, objects } = watch(watchedOf(platform.namespace), facts.monitoring);
    const all = [...paths, ...ownPaths(platform, facts, parts)];
    return {
      objects: [
        ...placed(FROM, [
          namespace(platform.namespace, "restricted"),
          ...accounts(platform.namespace, facts.modelDelivery),
          ...networkOf(platform, [...all, ...pathsOfTenants(platform, parts.gateway)]),
          configOf(platform),
          ...services(platform.namespace),
          control(platform, options, parts),
          serve(platform, options, parts),
          ...disruptionBudgets(platform.namespace, options),
          autoscaler(platform.namespace, "serve", options.serve),
          ...(facts.gateway === undefined ? [] : [routeOf(platform, options.host, facts.gateway)]),
          ...objects,
        ]),
        ...defaultTenant.objects,
      ],
      emits,
      paths: [...all, ...defaultTenant.paths],
      secrets: ownSecrets(platform.namespace, FROM),
      access: [...controlAccess(platform.namespace, facts.modelDelivery), ...defaultTenant.access],
      health: health(platform.namespace),
    };
  },
});

function trackingFacts({ namespace }: Platform, { routing }: SlipwayOptions): Facts["tracking"] {
  return {
    url: `http://slipway.${namespace}.svc:${PORTS.serve}`,
    control: podsOf(namespace, "control"),
    serve: podsOf(namespace, "serve"),
    port: PORTS.serve,
    isGatewayRouted: routing === "gateway",
    account: accountOf(namespace, "control"),
  };
}

function health(home: string): HealthCheck[] {
  const rolledOut = (kind: string, name: string) => ({
    apiVersion: "apps/v1",
    kind,
    namespace: home,
    name,
    condition: "rolledOut",
  });
  return [rolledOut("StatefulSet", "control"), rolledOut("Deployment", "serve")];
}
