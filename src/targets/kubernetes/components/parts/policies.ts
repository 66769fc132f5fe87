import type { KubernetesFacts } from "../../../../spec/platform/platform.ts";
import type { Endpoint, NetworkPath, PodSelector } from "../../component.ts";
import { NAMESPACE_NAME_LABEL } from "../../network/view.ts";
import type { KubernetesObject } from "../../object.ts";

type Dns = Pick<KubernetesFacts, "dns" | "apiServer">;

/** Anything, where the API server's addresses aren't stated: a policy can't name it by pods. */
const ANYWHERE = "0.0.0.0/0";
/** Where an API server listens behind its Service, unless platform.yaml says so. */
const API_PORT = 6443;

/** No pod of these may talk to anyone or be talked to, until another policy opens a path by name. */
export function denyAll(pods: PodSelector, name = "default-deny"): KubernetesObject {
  return policy(name, pods, { policyTypes: ["Ingress", "Egress"] });
}

/** Nobody may talk to these pods, until another policy opens a path by name; whom they talk to isn't limited. */
export function denyIn(pods: PodSelector, name: string): KubernetesObject {
  return policy(name, pods, { policyTypes: ["Ingress"] });
}

/** What opens these paths into `pods`, and no others into them. */
export function openedIn(
  name: string,
  pods: PodSelector,
  paths: readonly NetworkPath[],
  cluster: Dns,
): KubernetesObject[] {
  const ingress = waysIn(pods, paths, cluster);
  return ingress.length === 0 ? [] : [policy(name, pods, { policyTypes: ["Ingress"], ingress })];
}

/**
 * What opens these paths at the end of `pods`, and no others: rules in for those that lead to just these pods, rules
 * out for those that come from them. The other end has policies of its own.
 */
export function opened(
  name: string,
  pods: PodSelector,
  paths: readonly NetworkPath[],
  cluster: Dns,
): KubernetesObject[] {
  const ingress = waysIn(pods, paths, cluster);
  const egress = unique(
    paths
      .filter(({ from }) => isOf(from, pods))
      .map((path) => ({ to: [peer(path.to, cluster)], ports: [port(path)] })),
  );
  if (ingress.length + egress.length === 0) return [];
  return [
    policy(name, pods, {
      policyTypes: [...(ingress.length > 0 ? ["Ingress"] : []), ...(egress.length > 0 ? ["Egress"] : [])],
      ...(ingress.length > 0 ? { ingress } : {}),
      ...(egress.length > 0 ? { egress } : {}),
    }),
  ];
}

function waysIn(pods: PodSelector, paths: readonly NetworkPath[], cluster: Dns): object[] {
  return unique(
    paths
      .filter(({ to }) => isOf(to, pods))
      .map((path) => ({ from: [peer(path.from, cluster)], ports: [port(path)] })),
  );
}

/** Two paths that differ in why alone are one rule. */
function unique(rules: readonly object[]): object[] {
  return [...new Map(rules.map((rule) => [JSON.stringify(rule), rule])).values()];
}

/** Names are asked for over UDP, and over TCP when the answer is long. */
export function dnsPaths(from: Endpoint): NetworkPath[] {
  return (["UDP", "TCP"] as const).map((protocol) => ({
    from,
    to: { kind: "dns" },
    port: 53,
    protocol,
    why: "look up names",
  }));
}

/** A path to the API server, at the port behind its Service: policies see that one. */
export function apiServerPath(from: Endpoint, { apiServer }: Dns, why: string): NetworkPath {
  return { from, to: { kind: "apiServer" }, port: apiServer?.port ?? API_PORT, why };
}

function policy(name: string, { namespace, labels }: PodSelector, spec: object): KubernetesObject {
  return {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: { name, namespace },
    spec: { podSelector: Object.keys(labels).length === 0 ? {} : { matchLabels: { ...labels } }, ...spec },
  };
}

function isOf(end: Endpoint, { namespace, labels }: PodSelector): boolean {
  if (end.kind !== "pods" || end.pods.namespace !== namespace) return false;
  const stated = Object.entries(end.pods.labels);
  return (
    stated.length === Object.keys(labels).length && stated.every(([key, value]) => labels[key] === value)
  );
}

/**
 * A namespace by the one label that the API server sets itself (`name: team-a` is on none), and pods in it: both in one
 * item, since two items would mean either.
 */
function peer(end: Endpoint, { dns, apiServer }: Dns): object {
  switch (end.kind) {
    case "pods":
      return podsPeer(end.pods);
    case "dns":
      return podsPeer({ namespace: dns.namespace, labels: { ...dns.labels } });
    case "apiServer":
      return { ipBlock: { cidr: apiServer?.cidr ?? ANYWHERE } };
    case "outside":
      return { ipBlock: { cidr: end.cidr } };
  }
}

function podsPeer({ namespace, labels }: PodSelector): object {
  return {
    namespaceSelector: { matchLabels: { [NAMESPACE_NAME_LABEL]: namespace } },
    ...(Object.keys(labels).length === 0 ? {} : { podSelector: { matchLabels: { ...labels } } }),
  };
}

function port({ port, protocol = "TCP" }: NetworkPath): object {
  return { protocol, port };
}
