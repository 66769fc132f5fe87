import type { PodSelector } from "../../component.ts";

/** The roles of a laptop's processes that are the platform's own pods; models and steps run in those of tenants. */
export type Role = "control" | "serve";

export const ROLES: readonly Role[] = ["control", "serve"];

/** Where each role listens; metrics are on the same port. */
export const PORTS: Readonly<Record<Role, number>> = { serve: 4600, control: 4610 };

/** Serve's further ports: predictions over gRPC, and what control alone calls; who asks whether it is ready asks there too. */
export const GRPC_PORT = 4601;
export const ADMIN_PORT = 4605;
export const ADMIN_PORT_NAME = "admin";

/** The container port's name. */
export const PORT_NAME = "http";

export function labelsOf(role: Role): Record<string, string> {
  return { "app.kubernetes.io/name": "slipway", "app.kubernetes.io/component": role };
}

export function podsOf(namespace: string, role: Role): PodSelector {
  return { namespace, labels: labelsOf(role) };
}

export function accountOf(namespace: string, role: Role): { namespace: string; name: string } {
  return { namespace, name: `slipway-${role}` };
}
