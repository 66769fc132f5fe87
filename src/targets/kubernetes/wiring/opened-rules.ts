import type { Endpoint, NetworkPath } from "../component.ts";
import type { LabelSelector } from "../label-selector.ts";
import { selects } from "../label-selector.ts";
import { addressesOf, addressesOfBlock, covers } from "../network/addresses.ts";
import { isNetworkPolicy, readPolicy } from "../network/policy.ts";
import type { Direction, NetworkPolicy, PolicyPeer, PolicyPort } from "../network/policy.ts";
import { NAMESPACE_NAME_LABEL } from "../network/view.ts";
import { identityKey, identityOf } from "../object.ts";
import type { Finding } from "./finding.ts";
import type { World } from "./world.ts";

/** Where the API server's addresses aren't stated. */
const ANYWHERE = "0.0.0.0/0";
const FAR: Readonly<Record<Direction, "from" | "to">> = { ingress: "from", egress: "to" };
const NEAR: Readonly<Record<Direction, "from" | "to">> = { ingress: "to", egress: "from" };

/**
 * What our policies let out of a tenant, and into and out of every other namespace, is what some component stated: read rule
 * by rule, peer by peer, port by port. Who gets into a tenant is asked for in intrusions.ts.
 */
export function* openedRules(world: World): Iterable<Finding> {
  const { objects, paths } = world.rendered;
  const tenants = new Set(world.rendered.platform.tenants.map(({ name }) => name));
  for (const one of objects) {
    if (one.chart !== undefined || !isNetworkPolicy(one.object)) continue;
    const name = identityKey(identityOf(one.object));
    const policy = readPolicy(one.object);
    const ways: Direction[] = tenants.has(policy.namespace) ? ["egress"] : ["ingress", "egress"];
    for (const way of ways)
      for (const [index, { peers, ports }] of policy.rules[way].entries())
        for (const peer of peers.length === 0 ? [{}] : peers)
          for (const port of ports.length === 0 ? [undefined] : ports)
            if (!paths.some((path) => isStated(world, path, { policy, way, peer, port })))
              yield {
                code: "network-rule-unneeded",
                message: `${name} spec.${way}[${index}] lets ${textOf(peer)} ${way === "ingress" ? "in" : "be reached"} on ${port?.port ?? "any port"}, and no stated path needs just that`,
                from: one.from,
                severity: "error",
                object: name,
                at: ["spec", way, index],
              };
  }
}

interface Opened {
  policy: NetworkPolicy;
  way: Direction;
  peer: PolicyPeer;
  port: PolicyPort | undefined;
}

/** Whether the path is at least as wide as what is opened, and the policy's pods are at its near end. */
function isStated(world: World, path: NetworkPath, { policy, way, peer, port }: Opened): boolean {
  if (port === undefined || port.endPort !== undefined || port.protocol !== (path.protocol ?? "TCP"))
    return false;
  if (typeof port.port === "number" && port.port !== path.port) return false;
  const near = path[NEAR[way]];
  return (
    near.kind === "pods" &&
    near.pods.namespace === policy.namespace &&
    // Of the two, one selects no fewer pods than the other: which one is wider is the other end's matter.
    (isWithin(policy.podSelector, near.pods.labels) || selects(policy.podSelector, near.pods.labels)) &&
    isWideEnough(world, path[FAR[way]], peer)
  );
}

function isWideEnough(world: World, end: Endpoint, { ipBlock, ...selectors }: PolicyPeer): boolean {
  const { apiServer, dns } = world.rendered.platform.kubernetes;
  switch (end.kind) {
    case "pods":
      return isIn(end.pods, selectors);
    case "dns":
      return isIn(dns, selectors);
    case "apiServer":
      return ipBlock !== undefined && coversBlock(apiServer?.cidr ?? ANYWHERE, ipBlock);
    case "outside":
      return ipBlock !== undefined && coversBlock(end.cidr, ipBlock);
  }
}

function coversBlock(cidr: string, block: NonNullable<PolicyPeer["ipBlock"]>): boolean {
  return covers(addressesOf(cidr), addressesOfBlock(block));
}

/** Just the one namespace, by the label that nobody else can put on another; and no more of its pods. */
function isIn(
  { namespace, labels }: { namespace: string; labels: Readonly<Record<string, string>> },
  { namespaceSelector, podSelector = {} }: Omit<PolicyPeer, "ipBlock">,
): boolean {
  return (
    namespaceSelector?.matchLabels?.[NAMESPACE_NAME_LABEL] === namespace && isWithin(podSelector, labels)
  );
}

/** Whether a selector asks for all of these labels, so that it selects no pod without them. */
function isWithin({ matchLabels = {} }: LabelSelector, labels: Readonly<Record<string, string>>): boolean {
  return Object.entries(labels).every(([key, value]) => matchLabels[key] === value);
}

function textOf({ ipBlock, namespaceSelector, podSelector }: PolicyPeer): string {
  if (ipBlock !== undefined) return ipBlock.cidr;
  if (namespaceSelector === undefined && podSelector === undefined) return "everyone";
  return JSON.stringify({ namespaceSelector, podSelector });
}
