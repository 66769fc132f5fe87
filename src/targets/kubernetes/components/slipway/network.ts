import type { Platform } from "../../../../spec/platform/platform.ts";
import type { Endpoint, NetworkPath } from "../../component.ts";
import type { DatabaseFacts, Facts, ObjectStoreFacts } from "../../facts.ts";
import type { KubernetesObject } from "../../object.ts";
import { apiServerPath, denyAll, dnsPaths, opened } from "../parts/policies.ts";
import { podsOf as podsOfService } from "../../tenants/labels.ts";
import { PORTS, ROLES, podsOf } from "./roles.ts";
import type { Role } from "./roles.ts";

/**
 * Who of ours talks to whom. Workers run the models of all tenants: they reach control, which hands them their files,
 * and neither the object store nor the database nor anything outside.
 */
export function ownPaths(
  { namespace, kubernetes }: Platform,
  { gateway }: Partial<Facts>,
  { database, store }: { database: DatabaseFacts; store: ObjectStoreFacts },
): NetworkPath[] {
  const end = (role: Role): Endpoint => ({ kind: "pods", pods: podsOf(namespace, role) });
  const to = (from: Endpoint, role: Role, why: string): NetworkPath => ({
    from,
    to: end(role),
    port: PORTS[role],
    why,
  });
  const [control, serve, worker] = [end("control"), end("serve"), end("worker")];
  return [
    ...ROLES.flatMap((role) => dnsPaths(end(role))),
    to(serve, "control", "hand on what isn't a prediction"),
    to(serve, "worker", "predict"),
    to(control, "serve", "set traffic weights, read outcomes"),
    to(control, "worker", "load models and check them"),
    to(control, "control", "hand pushes to the one that leads"),
    to(worker, "control", "fetch a model's files"),
    apiServerPath(control, kubernetes, "lead, and run the tenants' workloads"),
    { from: control, to: database.endpoint, port: database.port, why: "keep what happened" },
    { from: control, to: store.network, port: store.port, why: "keep artifacts and the mirror of Git" },
    ...(gateway === undefined
      ? []
      : [to({ kind: "pods", pods: gateway.pods }, "serve", "requests from outside")]),
  ];
}

/** Paths that tenants state, since they are theirs: here they are opened at our end. */
export function pathsOfTenants({ namespace, tenants }: Platform): NetworkPath[] {
  const serve: Endpoint = { kind: "pods", pods: podsOf(namespace, "serve") };
  const control: Endpoint = { kind: "pods", pods: podsOf(namespace, "control") };
  return tenants.flatMap(({ name, services }) => [
    {
      from: { kind: "pods", pods: { namespace: name, labels: {} } },
      to: serve,
      port: PORTS.serve,
      why: "track runs, fetch models",
    },
    ...services.map((service): NetworkPath => ({
      from: control,
      to: { kind: "pods", pods: podsOfService(name, service.name) },
      port: service.port,
      why: "check a version before it gets traffic",
    })),
  ]);
}

/** Each role is closed, and opened for its own paths. Other pods of the namespace, such as the database's, have theirs. */
export function networkOf(
  { namespace, kubernetes }: Platform,
  paths: readonly NetworkPath[],
): KubernetesObject[] {
  const all = { namespace, labels: { "app.kubernetes.io/name": "slipway" } };
  return [
    denyAll(all, "slipway-deny"),
    ...ROLES.flatMap((role) => opened(`slipway-${role}`, podsOf(namespace, role), paths, kubernetes)),
  ];
}
