import type { Platform } from "../../../../spec/platform/platform.ts";
import type { Endpoint, NetworkPath, PodSelector } from "../../component.ts";
import type { Facts, GatewayFacts } from "../../facts.ts";
import type { KubernetesObject } from "../../object.ts";
import { apiServerPath, denyAll, dnsPaths, opened } from "../parts/policies.ts";
import { podsOf as podsOfService } from "../../tenants/labels.ts";
import { defaultWorkplace } from "../../tenants/workplace.ts";
import { FRAMES_PORT, HTTP_PORT, MANAGED_BY, MANAGER } from "../../serving/names.ts";
import type { Needed } from "./needed.ts";
import { ADMIN_PORT, PORTS, ROLES, podsOf } from "./roles.ts";
import type { Role } from "./roles.ts";

/** Who of ours talks to whom. What runs for tenants, models and steps, reaches serve alone, which hands on to control. */
export function ownPaths(
  { namespace, kubernetes }: Platform,
  { gateway, modelDelivery }: Partial<Facts>,
  { database, store, gateway: dividing }: Pick<Needed, "database" | "store" | "gateway">,
): NetworkPath[] {
  const end = (role: Role): Endpoint => ({ kind: "pods", pods: podsOf(namespace, role) });
  const to = (from: Endpoint, role: Role, why: string, port = PORTS[role]): NetworkPath => ({
    from,
    to: end(role),
    port,
    why,
  });
  const [control, serve] = [end("control"), end("serve")];
  return [
    ...ROLES.flatMap((role) => dnsPaths(end(role))),
    to(serve, "control", "hand on what isn't a prediction"),
    to(control, "serve", "set traffic weights, read outcomes", ADMIN_PORT),
    to(control, "serve", "answer predictions that came over control"),
    to(control, "control", "hand connections to the one that leads"),
    apiServerPath(control, kubernetes, "run the tenants' workloads"),
    { from: control, to: database.endpoint, port: database.port, why: "keep what happened" },
    { from: control, to: store.network, port: store.port, why: "keep artifacts and the mirror of Git" },
    ...(modelDelivery === undefined
      ? []
      : [to({ kind: "pods", pods: modelDelivery.reader }, "serve", "read which models run")]),
    ...(gateway === undefined
      ? []
      : [to({ kind: "pods", pods: gateway.pods }, "serve", "requests from outside")]),
    ...(dividing === undefined
      ? []
      : [
          {
            from: control,
            to: { kind: "pods" as const, pods: dividing.pods },
            port: dividing.door.port,
            why: "check a version by the route that callers come by",
          },
        ]),
  ];
}

/** Paths that tenants state, since they are theirs: here they are opened at our end. */
export function pathsOfTenants(platform: Platform, gateway: GatewayFacts | undefined): NetworkPath[] {
  const { namespace, tenants } = platform;
  const serve: Endpoint = { kind: "pods", pods: podsOf(namespace, "serve") };
  const control: Endpoint = { kind: "pods", pods: podsOf(namespace, "control") };
  return [defaultWorkplace(platform), ...tenants].flatMap(({ name, services }) => [
    {
      from: { kind: "pods", pods: { namespace: name, labels: {} } },
      to: serve,
      port: PORTS.serve,
      why: "track runs, fetch models",
    },
    modelsPath(serve, name),
    ...(gateway === undefined ? [] : [countsPath(control, name)]),
    ...services.map((service): NetworkPath => ({
      from: control,
      to: { kind: "pods", pods: podsOfService(name, service.name) },
      port: service.port,
      why: "check a version before it gets traffic",
    })),
  ]);
}

/** A tenant's models, in pods that control makes as they are needed. */
export function modelPods(tenant: string): PodSelector {
  return { namespace: tenant, labels: { [MANAGED_BY]: MANAGER } };
}

export function modelsPath(serve: Endpoint, tenant: string): NetworkPath {
  return { from: serve, to: { kind: "pods", pods: modelPods(tenant) }, port: FRAMES_PORT, why: "predict" };
}

/** Where a gateway sends requests to model pods: control tells them what these count for, and reads what they counted. */
export function countsPath(control: Endpoint, tenant: string): NetworkPath {
  const to: Endpoint = { kind: "pods", pods: modelPods(tenant) };
  return { from: control, to, port: ADMIN_PORT, why: "say what requests count for, read outcomes" };
}

export function callersPath(gateway: Endpoint, tenant: string): NetworkPath {
  const to: Endpoint = { kind: "pods", pods: modelPods(tenant) };
  return { from: gateway, to, port: HTTP_PORT, why: "requests from outside" };
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
