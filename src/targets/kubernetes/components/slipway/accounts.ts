import type { AccessUse } from "../../component.ts";
import type { ModelDeliveryFacts } from "../../facts.ts";
import type { KubernetesObject } from "../../object.ts";
import { accountWith, localAccess } from "../parts/access.ts";
import { accountOf } from "./roles.ts";

/**
 * Who leads is decided in the database; in its own namespace control follows the serve pods, which it tells what is in
 * force. What it does for a tenant is in tenants/.
 */
export function controlAccess(namespace: string, delivery?: ModelDeliveryFacts): AccessUse[] {
  const account = accountOf(namespace, "control");
  return [
    ...localAccess(account, namespace, [
      ["get list watch", "", "pods", "tell every serve pod what is in force"],
    ]),
    ...(delivery === undefined
      ? []
      : localAccess(
          account,
          delivery.namespace,
          [["get patch", "argoproj.io", "applications", "have Argo CD carry out which models run"]],
          [delivery.application],
        )),
  ];
}

/** Control's account with its rights; serve asks nothing of the API server, and gets no token for it. */
export function accounts(namespace: string, delivery?: ModelDeliveryFacts): KubernetesObject[] {
  return [
    ...accountWith(accountOf(namespace, "control"), "slipway-control", controlAccess(namespace, delivery)),
    {
      apiVersion: "v1",
      kind: "ServiceAccount",
      metadata: accountOf(namespace, "serve"),
      automountServiceAccountToken: false,
    },
  ];
}
