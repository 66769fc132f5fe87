import { MANAGED_BY, MANAGER } from "../serving/names.ts";
import type { Path } from "../../../spec/issue.ts";
import type { Endpoint, NetworkPath } from "../component.ts";
import { evaluate } from "../network/evaluate.ts";
import type { Answer, Side, Verdict } from "../network/evaluate.ts";
import type { Protocol } from "../network/policy.ts";
import { addressParty, networkView } from "../network/view.ts";
import type { NetworkView, Party } from "../network/view.ts";
import type { Pod } from "../pod-template.ts";
import type { Owned } from "../render/rendered.ts";
import type { Finding } from "./finding.ts";
import { intrusions } from "./intrusions.ts";
import type { World } from "./world.ts";

/** Anything that a policy can't name by pods: where the API server's address isn't stated. */
const ANYWHERE = "0.0.0.0/0";

/** Every path that a component needs is open by the policies of both ends, and no other one into a tenant is. */
export function* networkFindings(world: World): Iterable<Finding> {
  const view = viewOf(world);
  for (const path of world.rendered.paths) yield* pathFindings(world, view, path);
  yield* intrusions(world, view);
}

/** The policies, and all pods that are rendered or made by controllers. */
export function viewOf(world: World): NetworkView {
  const { podCidr } = world.rendered.platform.kubernetes;
  const objects = world.rendered.objects.map(({ object }) => object);
  const view = networkView(objects, podCidr === undefined ? [] : [podCidr]);
  return { ...view, pods: world.pods };
}

function* pathFindings(world: World, view: NetworkView, path: Owned<NetworkPath>): Iterable<Finding> {
  const text = `${describeEndpoint(path.from)} to ${describeEndpoint(path.to)} port ${path.port}/${path.protocol ?? "TCP"}`;
  const need = `${path.component} needs ${text} (${path.why})`;
  const from: Path = placeOf(path.component);
  const bothEnds = [path.from, path.to].map((end) => partiesOf(world, end));
  for (const [i, end] of [path.from, path.to].entries())
    if (end.kind === "pods" && !isKnown(world, end))
      yield {
        code: "network-path-end",
        message: `${need}, and no object makes a pod that is ${describeEndpoint(end)}`,
        from,
        severity: isOpaque(world, end.pods.namespace) ? "unverified" : "error",
        at: [i === 0 ? "from" : "to"],
      };
  const [callers = [], called = []] = bothEnds;
  for (const to of called) {
    if (to.kind === "pod" && !listens(to.pod, path))
      yield {
        code: "network-path-port",
        message: `${need}, and ${to.pod.namespace}/${to.pod.name} has no such port; it has ${portsOf(to.pod)}`,
        from,
        severity: "error",
      };
    for (const caller of callers) {
      const connection = {
        from: another(caller),
        to,
        port: path.port,
        protocol: path.protocol ?? "TCP",
      } as const;
      const verdict = evaluate(view, connection);
      if (verdict.answer === "open") continue;
      yield {
        code: "network-path-blocked",
        message: `${need}, and ${whyNot(verdict)}`,
        from,
        severity: severityOf(verdict.answer),
      };
    }
  }
}

/** Not the very pod that is called: a path from a workload to itself is one between its replicas. */
function another(party: Party): Party {
  return party.kind === "pod" ? { ...party, pod: { ...party.pod } } : party;
}

/** Where a component's or a tenant's wish stands in platform.yaml. */
export function placeOf(component: string): Path {
  return component.startsWith("tenants/") ? ["tenants"] : ["components", component];
}

function severityOf(answer: Answer): Finding["severity"] {
  return answer === "closed" ? "error" : "unverified";
}

/** Which end's policies stand in the way. */
function whyNot({ egress, ingress }: Verdict): string {
  const say = (side: Side, what: string) => {
    if (side.answer === "open") return [];
    const names = side.isolating.map(({ namespace, name }) => `${namespace}/${name}`).join(", ");
    return [
      side.answer === "closed"
        ? `NetworkPolicy ${names} lets it not ${what}`
        : `NetworkPolicy ${names} lets only a part of it ${what}, or by addresses of pods, which network plug-ins differ on`,
    ];
  };
  return [...say(egress, "out"), ...say(ingress, "in")].join(", and ");
}

/** Who an endpoint stands for: the pods that there will be, else one that has just what is stated. */
function partiesOf(world: World, end: Endpoint): Party[] {
  const { apiServer, dns } = world.rendered.platform.kubernetes;
  switch (end.kind) {
    case "apiServer":
      return [addressParty(apiServer?.cidr ?? ANYWHERE)];
    case "outside":
      return [addressParty(end.cidr)];
    case "dns":
      return [{ kind: "pod", pod: standIn(dns.namespace, "dns", { ...dns.labels }) }];
    case "pods": {
      const { namespace, labels } = end.pods;
      const pods = world.podsBy(namespace, { matchLabels: labels });
      return (pods.length > 0 ? pods : [standIn(namespace, "stated", labels)]).map((pod) => ({
        kind: "pod",
        pod,
      }));
    }
  }
}

/** What runs in a namespace that a person gave, or that an unread chart makes, isn't known here. */
function isOpaque(world: World, namespace: string): boolean {
  return world.unreadCharts(namespace).length > 0 || world.rendered.given.namespaces.includes(namespace);
}

function isKnown(world: World, end: Extract<Endpoint, { kind: "pods" }>): boolean {
  // Steps of pipelines and the like are made as they run: a component that names no labels means whoever is there.
  const { namespace, labels } = end.pods;
  // So are the pods of models, by control, under labels of its own.
  if (labels[MANAGED_BY] === MANAGER) return true;
  return Object.keys(labels).length === 0 || world.podsBy(namespace, { matchLabels: labels }).length > 0;
}

/** DNS listens where everyone expects it; of other stand-ins nothing is known. */
export function standIn(namespace: string, name: string, labels: Readonly<Record<string, string>>): Pod {
  const ports =
    name === "dns"
      ? [
          { name: "dns", containerPort: 53, protocol: "UDP" },
          { name: "dns-tcp", containerPort: 53, protocol: "TCP" },
        ]
      : [];
  return { namespace, name, labels, ports, hostNetwork: false };
}

/** A pod that lists no ports may listen anywhere. */
function listens({ ports }: Pod, { port, protocol = "TCP" }: { port: number; protocol?: Protocol }): boolean {
  return (
    ports.length === 0 ||
    ports.some((one) => one.containerPort === port && (one.protocol ?? "TCP") === protocol)
  );
}

function portsOf({ ports }: Pod): string {
  return ports.map((one) => `${one.containerPort}/${one.protocol ?? "TCP"}`).join(", ");
}

function describeEndpoint(end: Endpoint): string {
  switch (end.kind) {
    case "apiServer":
      return "the API server";
    case "dns":
      return "DNS";
    case "outside":
      return end.cidr;
    case "pods": {
      const labels = Object.entries(end.pods.labels).map(([key, value]) => `${key}=${value}`);
      return `${end.pods.namespace}/${labels.length === 0 ? "any pod" : labels.join(",")}`;
    }
  }
}
