import type { AccessUse } from "../../component.ts";
import type { KubernetesObject } from "../../object.ts";
import { accountWith, localAccess } from "../parts/access.ts";
import { LEASE, accountOf } from "./roles.ts";

/** Who leads is a lease; that it can be made can't be limited to a name. What control does for a tenant is in tenants/. */
export function controlAccess(namespace: string): AccessUse[] {
  const account = accountOf(namespace, "control");
  const group = "coordination.k8s.io";
  return [
    ...localAccess(account, namespace, [["create", group, "leases", "elect the one that leads"]]),
    ...localAccess(
      account,
      namespace,
      [["get update", group, "leases", "keep leading, or take over"]],
      [LEASE],
    ),
  ];
}

/** Control's account with its rights; serve and workers ask nothing of the API server, and get no token for it. */
export function accounts(namespace: string): KubernetesObject[] {
  return [
    ...accountWith(accountOf(namespace, "control"), "slipway-control", controlAccess(namespace)),
    ...(["serve", "worker"] as const).map((role) => ({
      apiVersion: "v1",
      kind: "ServiceAccount",
      metadata: accountOf(namespace, role),
      automountServiceAccountToken: false,
    })),
  ];
}
