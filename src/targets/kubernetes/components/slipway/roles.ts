import type { PodSelector } from "../../component.ts";

/** The roles of a laptop's processes, each in pods of its own. */
export type Role = "control" | "serve" | "worker";

export const ROLES: readonly Role[] = ["control", "serve", "worker"];

/** Where each role listens; metrics are on the same port. */
export const PORTS: Readonly<Record<Role, number>> = { serve: 4600, control: 4610, worker: 4620 };

/** The container port's name. */
export const PORT_NAME = "http";

/** Held by the one control that leads: it takes pushes, runs controllers and writes. */
export const LEASE = "slipway-control";

export function labelsOf(role: Role): Record<string, string> {
  return { "app.kubernetes.io/name": "slipway", "app.kubernetes.io/component": role };
}

export function podsOf(namespace: string, role: Role): PodSelector {
  return { namespace, labels: labelsOf(role) };
}

export function accountOf(namespace: string, role: Role): { namespace: string; name: string } {
  return { namespace, name: `slipway-${role}` };
}
