import { selects } from "../label-selector.ts";
import type { Pod } from "../pod-template.ts";
import { addressesOfBlock, covers, overlaps, union } from "./addresses.ts";
import type { AddressSet } from "./addresses.ts";
import type { Direction, NetworkPolicy, PolicyPeer, PolicyPort, PolicyRule, Protocol } from "./policy.ts";
import { namespaceLabels } from "./view.ts";
import type { NetworkView, Party } from "./view.ts";

/**
 * Whether a connection is let through. `depends`: the policies don't say: some of the addresses only, or a pod that
 * is let through only if the network plug-in holds ipBlocks against the addresses of pods too (some do, some don't).
 */
export type Answer = "open" | "closed" | "depends";

/** A rule of a policy that lets something through. */
export interface PolicyRuleRef {
  policy: NetworkPolicy;
  /** Index in its list of ingress or egress rules. */
  rule: number;
}

/** One end's say. */
export interface Side {
  answer: Answer;
  /** Policies that select this end's pod and isolate it in this direction; none: everything is let through. */
  isolating: readonly NetworkPolicy[];
  /** Rules that let it through, surely or perhaps. */
  letBy: readonly PolicyRuleRef[];
}

export interface Verdict {
  answer: Answer;
  /** What the caller's policies say. */
  egress: Side;
  /** What the called pod's policies say. */
  ingress: Side;
}

export interface Connection {
  from: Party;
  to: Party;
  /** Port of the pod that is called, after a Service has been resolved. */
  port: number;
  protocol: Protocol;
}

const FREE: Side = { answer: "open", isolating: [], letBy: [] };

/**
 * What the policies say to a new connection; answers to it always pass. Both ends must let it through, and each one's
 * policies add up: one rule of one policy is enough. Nothing stops a pod from calling itself.
 * Semantics: networking.k8s.io/v1 NetworkPolicy (Kubernetes API reference, concepts "Network Policies").
 */
export function evaluate(view: NetworkView, connection: Connection): Verdict {
  const { from, to } = connection;
  if (from.kind === "pod" && to.kind === "pod" && from.pod === to.pod)
    return { answer: "open", egress: FREE, ingress: FREE };
  const egress = from.kind === "pod" ? side(view, "egress", from.pod, to, connection) : FREE;
  const ingress = to.kind === "pod" ? side(view, "ingress", to.pod, from, connection) : FREE;
  return { answer: weaker(egress.answer, ingress.answer), egress, ingress };
}

/** What the policies of one end say: the rules that let the other end through, and what they add up to. */
function side(view: NetworkView, direction: Direction, pod: Pod, other: Party, connection: Connection): Side {
  // The API leaves pods on the node's network out: the plug-ins treat them as the node.
  if (pod.hostNetwork) return FREE;
  const isolating = view.policies.filter(
    (policy) =>
      policy.isolates[direction] &&
      policy.namespace === pod.namespace &&
      selects(policy.podSelector, pod.labels),
  );
  if (isolating.length === 0) return FREE;
  const called = direction === "egress" ? other : ({ kind: "pod", pod } as const);
  const matches = isolating.flatMap((policy) =>
    policy.rules[direction].flatMap((rule, index) => {
      if (!rulePorts(rule, called, connection)) return [];
      const match = rulePeers(view, policy, rule, other);
      return match === NOBODY ? [] : [{ ref: { policy, rule: index }, match }];
    }),
  );
  return { answer: addUp(matches, other), isolating, letBy: matches.map(({ ref }) => ref) };
}

/** Whom of the other end a rule means: all of it, perhaps it, none of it, or these addresses of it. */
type Match = "all" | "perhaps" | "nobody" | AddressSet;
const NOBODY: Match = "nobody";

function rulePeers(view: NetworkView, policy: NetworkPolicy, rule: PolicyRule, other: Party): Match {
  if (rule.peers.length === 0) return "all";
  if (other.kind === "addresses") {
    const blocks = rule.peers.flatMap(({ ipBlock }) => (ipBlock ? [addressesOfBlock(ipBlock)] : []));
    const addresses = union(...blocks);
    return overlaps(addresses, other.addresses) ? addresses : NOBODY;
  }
  const each = new Set(rule.peers.map((peer) => peerPod(view, policy, peer, other.pod)));
  return each.has("all") ? "all" : each.has("perhaps") ? "perhaps" : NOBODY;
}

function peerPod(view: NetworkView, policy: NetworkPolicy, peer: PolicyPeer, pod: Pod): Match {
  if (peer.ipBlock !== undefined) {
    const block = addressesOfBlock(peer.ipBlock);
    if (block.length === 0) return NOBODY;
    // A pod on the node's network has an address that isn't known here.
    if (pod.hostNetwork || view.podAddresses === undefined) return "perhaps";
    return overlaps(block, view.podAddresses) ? "perhaps" : NOBODY;
  }
  if (pod.hostNetwork || (peer.podSelector === undefined && peer.namespaceSelector === undefined))
    return NOBODY;
  const namespace =
    peer.namespaceSelector === undefined
      ? pod.namespace === policy.namespace
      : selects(peer.namespaceSelector, namespaceLabels(view, pod.namespace));
  return namespace && selects(peer.podSelector ?? {}, pod.labels) ? "all" : NOBODY;
}

function rulePorts(rule: PolicyRule, called: Party, connection: Connection): boolean {
  return rule.ports.length === 0 || rule.ports.some((port) => portMatches(port, called, connection));
}

function portMatches(rule: PolicyPort, called: Party, { port, protocol }: Connection): boolean {
  if (rule.protocol !== protocol) return false;
  if (rule.port === undefined) return true;
  if (typeof rule.port === "number") return rule.port <= port && port <= (rule.endPort ?? rule.port);
  // Addresses have no names of ports: such a rule lets nothing through to them.
  if (called.kind !== "pod") return false;
  return called.pod.ports.some(
    ({ name, containerPort, protocol: own = "TCP" }) =>
      name === rule.port && own === protocol && containerPort === port,
  );
}

function addUp(matches: readonly { match: Match }[], other: Party): Answer {
  if (matches.length === 0) return "closed";
  if (matches.some(({ match }) => match === "all")) return "open";
  if (other.kind === "pod") return "depends";
  const addresses = union(...matches.flatMap(({ match }) => (typeof match === "string" ? [] : [match])));
  return covers(addresses, other.addresses) ? "open" : "depends";
}

function weaker(a: Answer, b: Answer): Answer {
  if (a === "closed" || b === "closed") return "closed";
  return a === "open" && b === "open" ? "open" : "depends";
}
