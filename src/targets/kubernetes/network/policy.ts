import type { LabelSelector } from "../label-selector.ts";
import type { KubernetesObject } from "../object.ts";

export type Protocol = "TCP" | "UDP" | "SCTP";
export type Direction = "ingress" | "egress";

/** networking.k8s.io/v1 NetworkPolicy, as far as its meaning goes. */
export interface NetworkPolicy {
  namespace: string;
  name: string;
  podSelector: LabelSelector;
  /** Which ways it isolates the pods that it selects. */
  isolates: Readonly<Record<Direction, boolean>>;
  rules: Readonly<Record<Direction, readonly PolicyRule[]>>;
}

/** What one rule lets through: any of its peers on any of its ports. */
export interface PolicyRule {
  /** Empty: everyone. */
  peers: readonly PolicyPeer[];
  /** Empty: every port of every protocol. */
  ports: readonly PolicyPort[];
}

export interface PolicyPeer {
  podSelector?: LabelSelector;
  namespaceSelector?: LabelSelector;
  ipBlock?: { cidr: string; except?: readonly string[] };
}

export interface PolicyPort {
  protocol: Protocol;
  /** Absent: every port of the protocol. A name is a container port's of the pod that is called. */
  port?: number | string;
  /** Last port of a range that begins at `port`. */
  endPort?: number;
}

interface Written {
  podSelector?: LabelSelector;
  policyTypes?: readonly string[];
  ingress?: readonly { from?: readonly PolicyPeer[]; ports?: readonly WrittenPort[] }[];
  egress?: readonly { to?: readonly PolicyPeer[]; ports?: readonly WrittenPort[] }[];
}

interface WrittenPort {
  protocol?: string;
  port?: number | string;
  endPort?: number;
}

export function isNetworkPolicy(object: KubernetesObject): boolean {
  return object.kind === "NetworkPolicy" && object.apiVersion === "networking.k8s.io/v1";
}

/**
 * A policy with the server's defaults filled in. Without policyTypes it isolates ingress always, and egress only when
 * it lists an egress rule: `egress: []` alone isolates nothing (SetDefaults_NetworkPolicy of the API server).
 */
export function readPolicy(object: KubernetesObject): NetworkPolicy {
  const spec = (object["spec"] ?? {}) as Written;
  const types =
    spec.policyTypes === undefined || spec.policyTypes.length === 0
      ? ["Ingress", ...((spec.egress ?? []).length > 0 ? ["Egress"] : [])]
      : spec.policyTypes;
  return {
    namespace: object.metadata.namespace ?? "default",
    name: object.metadata.name,
    podSelector: spec.podSelector ?? {},
    isolates: { ingress: types.includes("Ingress"), egress: types.includes("Egress") },
    rules: {
      ingress: (spec.ingress ?? []).map(({ from, ports }) => rule(from, ports)),
      egress: (spec.egress ?? []).map(({ to, ports }) => rule(to, ports)),
    },
  };
}

function rule(peers: readonly PolicyPeer[] = [], ports: readonly WrittenPort[] = []): PolicyRule {
  return {
    peers,
    ports: ports.map(({ protocol = "TCP", ...port }) => ({ protocol: protocol as Protocol, ...port })),
  };
}
