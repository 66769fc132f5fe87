import type { Endpoint, NetworkPath } from "../component.ts";
import { selects } from "../label-selector.ts";
import { addressesOf, addressesOfBlock, covers, union } from "../network/addresses.ts";
import { evaluate } from "../network/evaluate.ts";
import type { PolicyRuleRef } from "../network/evaluate.ts";
import type { Protocol } from "../network/policy.ts";
import { addressParty } from "../network/view.ts";
import type { NetworkView, Party } from "../network/view.ts";
import type { Pod } from "../pod-template.ts";
import type { Finding } from "./finding.ts";
import type { World } from "./world.ts";

const PROTOCOLS: readonly Protocol[] = ["TCP", "UDP"];
const EVERYWHERE = ["0.0.0.0/0", "::/0"];

/**
 * Paths into a tenant's namespace that are open and that nobody stated. Asked for every pod that is known, for one
 * without labels in every namespace, for one in a namespace that isn't known, and for addresses outside; on every port
 * at which the policies' answer can change.
 */
export function* intrusions(world: World, view: NetworkView): Iterable<Finding> {
  for (const [index, tenant] of world.rendered.platform.tenants.entries()) {
    const namespace = tenant.name;
    const known = world.pods.filter((pod) => pod.namespace === namespace);
    const inside = [...known, ...awaited(world, known, namespace), bare(namespace)];
    const from = ["tenants", index] as const;
    for (const pod of inside) {
      const open = (["ingress", "egress"] as const).filter((way) => !isIsolated(view, pod, way));
      if (open.length > 0 && !pod.hostNetwork)
        yield {
          code: "tenant-not-isolated",
          message: `no NetworkPolicy isolates ${describe(pod)} of tenant ${tenant.name}: its ${open.join(" and ")} is open to everyone`,
          from,
          severity: "error",
        };
    }
    for (const [key, message] of unstated(world, view, namespace, inside))
      yield { code: "network-path-unneeded", message: `${message} (${key})`, from, severity: "error" };
  }
}

/** One message for each rule that lets somebody in whom no stated path names. */
function unstated(
  world: World,
  view: NetworkView,
  namespace: string,
  inside: readonly Pod[],
): Map<string, string> {
  const found = new Map<string, string>();
  const stated = world.rendered.paths.filter(
    ({ to }) => to.kind === "pods" && to.pods.namespace === namespace,
  );
  for (const pod of inside) {
    // One that nothing isolates has its own finding.
    if (pod.hostNetwork || !isIsolated(view, pod, "ingress")) continue;
    for (const caller of callers(world, namespace))
      for (const { port, protocol } of portsWorthAsking(view, pod)) {
        const { answer, ingress } = evaluate(view, {
          from: caller,
          to: { kind: "pod", pod },
          port,
          protocol,
        });
        if (answer === "closed" || (answer === "depends" && caller.kind === "pod")) continue;
        if (stated.some((path) => covered(path, caller, pod, port, protocol, ingress.letBy))) continue;
        const rule = ingress.letBy[0];
        const key = `NetworkPolicy ${rule?.policy.namespace}/${rule?.policy.name} spec.ingress[${rule?.rule}]`;
        if (!found.has(key))
          found.set(
            key,
            `${caller.kind === "pod" ? describe(caller.pod) : caller.text} reaches ${describe(pod)} on port ${port}/${protocol}, and nothing needs it`,
          );
      }
  }
  return found;
}

function covered(
  path: NetworkPath,
  caller: Party,
  pod: Pod,
  port: number,
  protocol: Protocol,
  letBy: readonly PolicyRuleRef[],
): boolean {
  if (path.port !== port || (path.protocol ?? "TCP") !== protocol || !isMeant(path.to, pod)) return false;
  if (caller.kind === "pod") return isMeant(path.from, caller.pod);
  if (path.from.kind !== "outside") return false;
  // Part of the world is let in: just the part that is stated?
  const peers = letBy.flatMap(({ policy, rule }) => policy.rules.ingress[rule]?.peers ?? []);
  const letIn = peers.flatMap(({ ipBlock }) => (ipBlock === undefined ? [] : [addressesOfBlock(ipBlock)]));
  return covers(addressesOf(path.from.cidr), union(...letIn));
}

function isMeant(end: Endpoint, pod: Pod): boolean {
  return (
    end.kind === "pods" &&
    end.pods.namespace === pod.namespace &&
    selects({ matchLabels: end.pods.labels }, pod.labels)
  );
}

function callers(world: World, namespace: string): Party[] {
  const others = [...world.namespaces].filter((name) => name !== namespace);
  const pods = [
    ...world.pods.filter((pod) => pod.namespace !== namespace && !pod.hostNetwork),
    ...others.map(bare),
    bare("some-other-namespace"),
  ];
  return [...pods.map((pod): Party => ({ kind: "pod", pod })), ...EVERYWHERE.map(addressParty)];
}

/** Every port at which the answer can change: the pod's own, and the ends of the ranges that policies name. */
function portsWorthAsking(view: NetworkView, pod: Pod): { port: number; protocol: Protocol }[] {
  const ports = new Set<number>([1, ...pod.ports.map(({ containerPort }) => containerPort)]);
  for (const policy of view.policies)
    if (policy.namespace === pod.namespace)
      for (const rule of policy.rules.ingress)
        for (const { port, endPort } of rule.ports) {
          if (typeof port !== "number") continue;
          for (const one of [port, (endPort ?? port) + 1]) ports.add(one);
          if (endPort !== undefined) ports.add(endPort);
        }
  return PROTOCOLS.flatMap((protocol) => [...ports].map((port) => ({ port, protocol })));
}

function isIsolated(view: NetworkView, pod: Pod, way: "ingress" | "egress"): boolean {
  return view.policies.some(
    (policy) =>
      policy.isolates[way] && policy.namespace === pod.namespace && selects(policy.podSelector, pod.labels),
  );
}

/** Pods that stated paths lead to and that are made as they are needed: those of models. */
function awaited(world: World, known: readonly Pod[], namespace: string): Pod[] {
  const ends = world.rendered.paths.flatMap(({ to }) =>
    to.kind === "pods" && to.pods.namespace === namespace ? [to.pods.labels] : [],
  );
  const unmet = ends.filter(
    (labels) =>
      Object.keys(labels).length > 0 && !known.some((pod) => selects({ matchLabels: labels }, pod.labels)),
  );
  const byText = new Map(unmet.map((labels) => [JSON.stringify(labels), labels]));
  return [...byText].map(([text, labels]) => ({ ...bare(namespace), name: `a pod with ${text}`, labels }));
}

function bare(namespace: string): Pod {
  return { namespace, name: "", labels: {}, ports: [], hostNetwork: false };
}

function describe({ namespace, name }: Pod): string {
  return name === "" ? `a pod without labels in ${namespace}` : `${namespace}/${name}`;
}
